"""Does what time asks for, and says whether it is done."""
