"""The processor for layered networks: its sizes, its program, and the compiler that makes both memories and program."""
