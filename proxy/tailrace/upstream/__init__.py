"""The provider side: sessions, targets, the retry loop, and the ways providers are spoken to."""
