"""Did the biology survive? What is found in restored images, beside sharp and blurred ones."""
