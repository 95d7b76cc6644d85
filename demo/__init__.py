"""The academy of `make run`: its people come and go by themselves."""
