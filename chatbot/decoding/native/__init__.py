"""The same decoding in C++ for processors with VNNI; elsewhere everything works without it."""
