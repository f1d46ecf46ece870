"""Commands to devices 反控: what is on offer, the life of a command, its frames, answers, gaps. Pure."""
