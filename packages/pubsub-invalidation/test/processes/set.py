"""SET without any library: python3 set.py host port key value. Follows one MOVED of a Cluster."""
import socket
import sys


def command(host, port, *words):
    with socket.create_connection((host, port), timeout=5) as connection:
        encoded = [word.encode() for word in words]
        arguments = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        connection.sendall(b"*%d\r\n" % len(encoded) + arguments)
        return connection.makefile("rb").readline().decode().strip()


host, port, key, value = sys.argv[1:]
reply = command(host, int(port), "SET", key, value)
if reply.startswith("-MOVED "):
    host, port = reply.split(" ")[2].rsplit(":", 1)
    reply = command(host, int(port), "SET", key, value)
print(reply)
