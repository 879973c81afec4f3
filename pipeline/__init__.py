"""From a stored recording to feedback: what backend and dashboard share."""
