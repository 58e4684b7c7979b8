def estimate(text: str) -> int: return len(text) // 4
