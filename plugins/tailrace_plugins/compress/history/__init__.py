"""Old messages replaced by a summary: where to cut, what the summary says, who makes it, and whether it pays. Pure."""
