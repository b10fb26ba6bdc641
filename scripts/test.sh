echo "not yet"
