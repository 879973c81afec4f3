"""The local Whisper server beside the libraries that it is made of: `make bench-whisper`."""
