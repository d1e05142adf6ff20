"""Little to train on, for tests that look at the program from outside."""
import random
import struct


def small_data(folder):
    """A hundred images of noise, in the four files of Fashion-MNIST."""
    noise = random.Random(1)
    for part in ("train", "t10k"):
        with open(f"{folder}/{part}-images-idx3-ubyte", "wb") as file:
            file.write(struct.pack(">4B3I", 0, 0, 8, 3, 100, 28, 28) + bytes(noise.randrange(256) for _ in range(78400)))
        with open(f"{folder}/{part}-labels-idx1-ubyte", "wb") as file:
            file.write(struct.pack(">4BI", 0, 0, 8, 1, 100) + bytes(i % 10 for i in range(100)))
