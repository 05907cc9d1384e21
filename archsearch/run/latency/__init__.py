"""What a run knows of latency before it trains: guesses, a table, first measurements."""
