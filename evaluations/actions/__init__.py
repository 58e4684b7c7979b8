"""What people and harnesses do: runs triggered and ended, harnesses registered, test cases written."""
