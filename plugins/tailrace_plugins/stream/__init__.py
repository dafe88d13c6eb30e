"""How streams reach the client: chunks joined, padding stripped, silences bridged, replays paced."""
