"""What single modules do, by their own functions, and what the pages say."""
