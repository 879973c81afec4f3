// The transcript: times, marks, search and keyboard. What was said is only ever set as text.
//
// It is mounted twice, and both mounts share this module. One gets the talk, which is large and
// does not change; the other the place in hand, which is small and changes often. So a jump
// sends a few bytes and not the talk again. Offsets count UTF-16 units in the segments' texts,
// joined by single spaces.

const MOST_HITS_SHOWN = 2000;
const PLACES = "st-key-";
let talk = null;
let point = { insight: null, mark: null, start: null, end: null, turn: 0 };
let helpKey = null;
let followed = 0;

export default function ({ data, parentElement, setTriggerValue }) {
  if (data.point) {
    point = data.point;
    helpKey = data.help;
    if (talk) talk.follow();
    return;
  }
  if (!parentElement.talk) parentElement.talk = new Talk(parentElement);
  talk = parentElement.talk;
  talk.pick = (picked) => setTriggerValue("picked", picked);
  talk.draw(data);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.composedPath().some(isTypedInto)) return;
  if (event.key === "?" && helpKey) buttonOf(helpKey)?.click();
  else if (talk && talk.lines.isConnected && talk.answers(event.key)) event.preventDefault();
});

function isTypedInto(node) {
  return node instanceof Element
    && node.matches("input:not([type=checkbox], [type=radio]), textarea, select, canvas, [contenteditable], [role=dialog]");
}

// Streamlit draws a button with a help text twice, and hides one of them.
function buttonOf(key) {
  const drawn = document.querySelectorAll(`.${PLACES}${key} button`);
  return [...drawn].find((each) => each.checkVisibility());
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(label, name, act) {
  const made = element("button", "", label);
  made.type = "button";
  made.title = name;
  made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}

// Lower case and plain quote marks, of the same length: places stay what they are.
function folded(text) {
  const lower = text.toLowerCase();
  const same = lower.length === text.length
    ? lower
    : Array.from(text, (sign) => {
      const small = sign.toLowerCase();
      return small.length === sign.length ? small : sign;
    }).join("");
  return same.replace(/[‘’]/g, "'");
}

class Talk {
  constructor(root) {
    this.root = root;
    this.data = null;
    this.search = element("input");
    this.search.type = "search";
    this.search.placeholder = "Search in the talk";
    this.search.setAttribute("aria-label", "Search in the talk");
    this.search.addEventListener("input", () => this.find(this.search.value));
    // The page's own keys, such as n for the next session, must not see what is typed here.
    this.search.addEventListener("keydown", (event) => this.typed(event));
    this.count = element("span", "count");
    this.count.setAttribute("role", "status");
    this.steps = [
      button("↑", "Previous hit", () => this.step(-1)),
      button("↓", "Next hit", () => this.step(1)),
    ];
    this.walk = [
      button("‹ mark", "Previous mark (k)", () => this.move(-1)),
      button("mark ›", "Next mark (j)", () => this.move(1)),
    ];
    this.home = button("↩ feedback", "Back to the quote in the feedback (Escape)", () => this.back());
    this.told = element("div", "told");
    this.told.setAttribute("role", "status");
    this.lines = element("div", "lines");
    this.lines.tabIndex = 0;
    this.lines.setAttribute("role", "region");
    this.lines.setAttribute("aria-label", "Transcript");
    const searching = element("div", "bar");
    searching.setAttribute("role", "search");
    searching.append(this.search, this.count, ...this.steps);
    const walking = element("div", "bar");
    walking.append(...this.walk, this.home);
    const whole = element("div", "talk");
    whole.append(searching, walking, this.told, this.lines);
    root.appendChild(whole);
  }

  draw(data) {
    if (this.data === data) return;
    this.data = data;
    this.at = -1;
    this.nodes = [];
    this.starts = [];
    this.marks = data.marks.map((mark) => ({ ...mark, pieces: [] }));
    let offset = 0;
    const rows = data.lines.map((line) => {
      const row = this.row(line, offset);
      offset += line.parts.reduce((sum, part) => sum + part.text.length, 0) + 1;
      return row;
    });
    this.text = folded(data.lines.map((line) => line.parts.map((part) => part.text).join("")).join(" "));
    this.root.host.style.setProperty("--talk-height", data.height);
    this.lines.replaceChildren(...rows);
    this.lines.scrollTop = 0;
    this.home.disabled = true;
    for (const step of this.walk) step.disabled = !this.marks.length;
    this.find(this.search.value);
    this.emphasise();
    this.tell();
  }

  row(line, offset) {
    const row = element("div", "line");
    const time = element("span", "time", line.time);
    if (line.estimated) time.title = "Estimated: the engine gave no times";
    const words = element("span", line.suspect ? "suspect" : "");
    words.dir = "auto";
    if (line.suspect) words.title = "Hard to hear: nothing rests on this alone";
    for (const part of line.parts) {
      const piece = part.marks ? this.piece(part.marks) : words;
      const text = document.createTextNode(part.text);
      piece.appendChild(text);
      if (piece !== words) words.appendChild(piece);
      this.nodes.push(text);
      this.starts.push(offset);
      offset += part.text.length;
    }
    row.append(time, words);
    return row;
  }

  piece(numbers) {
    const names = [...new Set(numbers.map((number) => this.marks[number].name))];
    const piece = element("mark", names.length > 1 ? "shared" : "");
    piece.tabIndex = -1;
    piece.setAttribute("role", "button");
    piece.title = names.join(" · ");
    piece.setAttribute("aria-description", piece.title);
    piece.addEventListener("click", () => this.take(numbers));
    for (const number of numbers) this.marks[number].pieces.push(piece);
    return piece;
  }

  // Marks -------------------------------------------------------------------------------------

  // Where several marks share their words, each click takes the next of them.
  take(numbers) {
    const next = numbers[(numbers.indexOf(this.at) + 1) % numbers.length];
    this.stand(next, { focus: true });
    const mark = this.marks[next];
    this.pick({ insight: mark.insight, mark: next });
    const card = document.querySelector(`.${PLACES}${mark.card}`);
    if (card) card.scrollIntoView({ block: "nearest" });
  }

  move(step) {
    if (!this.marks.length) return;
    const from = this.at < 0 && step < 0 ? 0 : this.at;
    this.stand((from + step + this.marks.length) % this.marks.length, { focus: true, scroll: true });
  }

  stand(number, { focus = false, scroll = false } = {}) {
    this.at = number;
    const mark = this.marks[number];
    point = { ...point, insight: mark.insight };
    this.emphasise();
    this.tell();
    this.home.disabled = false;
    if (!mark.pieces.length) return;
    if (focus) mark.pieces[0].focus({ preventScroll: true });
    if (scroll) this.reveal(mark.pieces[0]);
  }

  emphasise() {
    this.marks.forEach((mark) => mark.pieces.forEach((piece) => {
      piece.classList.remove("in-hand");
      piece.setAttribute("aria-pressed", "false");
      piece.tabIndex = -1;
    }));
    for (const mark of this.marks.filter((each) => each.insight === point.insight)) {
      for (const piece of mark.pieces) {
        piece.classList.add("in-hand");
        piece.setAttribute("aria-pressed", "true");
      }
    }
    const entry = this.marks[Math.max(this.at, 0)];
    if (entry?.pieces.length) entry.pieces[0].tabIndex = 0;
  }

  tell() {
    const all = this.marks.length;
    if (this.at >= 0) this.told.textContent = `Mark ${this.at + 1} of ${all}: ${this.marks[this.at].name}`;
    else this.told.textContent = all ? `${all} marked places` : "No place is marked";
  }

  follow() {
    this.emphasise();
    if (point.turn === followed || point.start === null || !this.nodes.length) return;
    followed = point.turn;
    if (point.mark !== null && this.marks[point.mark]) this.stand(point.mark, { focus: true });
    const place = this.range(point.start, point.end);
    this.highlight("rostrum-here", [place]);
    this.reveal(place.startContainer.parentElement);
  }

  back() {
    const mark = this.marks[this.at];
    if (mark) buttonOf(mark.quote)?.focus();
  }

  // Search ------------------------------------------------------------------------------------

  find(wanted) {
    const needle = folded(wanted.trim());
    this.hits = [];
    this.hit = -1;
    for (let from = 0; needle; from = this.hits.at(-1).end) {
      const start = this.text.indexOf(needle, from);
      if (start < 0) break;
      this.hits.push({ start, end: start + needle.length });
    }
    const shown = this.hits.slice(0, MOST_HITS_SHOWN);
    this.highlight("rostrum-hit", shown.map((hit) => this.range(hit.start, hit.end)));
    this.highlight("rostrum-here", []);
    for (const step of this.steps) step.disabled = !this.hits.length;
    if (this.hits.length) this.step(1);
    else this.count.textContent = needle ? "No hit" : "";
  }

  step(by) {
    if (!this.hits.length) return;
    this.hit = (this.hit + by + this.hits.length) % this.hits.length;
    const { start, end } = this.hits[this.hit];
    const place = this.range(start, end);
    this.count.textContent = `${this.hit + 1} of ${this.hits.length}`;
    this.highlight("rostrum-here", [place]);
    this.reveal(place.startContainer.parentElement);
  }

  typed(event) {
    event.stopPropagation();
    if (event.key === "Enter") {
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.search.value = "";
      this.find("");
      this.lines.focus({ preventScroll: true });
    }
  }

  // Keys and places ---------------------------------------------------------------------------

  answers(key) {
    const inside = this.root.activeElement !== null;
    if (key === "j" || (inside && key === "ArrowRight")) this.move(1);
    else if (key === "k" || (inside && key === "ArrowLeft")) this.move(-1);
    else if (key === "/") this.search.focus();
    else if (inside && key === "Escape" && this.at >= 0) this.back();
    else if (inside && (key === "Enter" || key === " ") && this.root.activeElement.matches("mark")) {
      this.take([this.at]);
    } else return false;
    return true;
  }

  range(start, end) {
    const made = document.createRange();
    this.bound(start, (node, at) => made.setStart(node, at));
    this.bound(end, (node, at) => made.setEnd(node, at), 1);
    return made;
  }

  // The text node that holds an offset; an end belongs to the node before it.
  bound(offset, set, isEnd = 0) {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= offset - isEnd) low = middle;
      else high = middle - 1;
    }
    const node = this.nodes[low];
    set(node, Math.min(Math.max(offset - this.starts[low], 0), node.length));
  }

  highlight(name, ranges) {
    if (!globalThis.CSS?.highlights) return;
    if (ranges.length) CSS.highlights.set(name, new Highlight(...ranges));
    else CSS.highlights.delete(name);
  }

  // Lines out of sight have a guessed height: look twice.
  reveal(node) {
    const line = node.closest(".line");
    for (const each of this.lines.querySelectorAll(".here")) each.classList.remove("here");
    line.classList.add("here");
    const centre = () => {
      const inner = node.getBoundingClientRect();
      const outer = this.lines.getBoundingClientRect();
      this.lines.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
    };
    centre();
    requestAnimationFrame(() => {
      centre();
      node.scrollIntoView({ block: "nearest" });
    });
  }
}
