"""Resolves the filer's name."""

from __future__ import annotations


def addresses(hostname: str, port: int, seconds: float) -> list[tuple[str, int]]:
    """The addresses of ``hostname``, found within ``seconds``; raises OSError otherwise.

    A resolver takes half a minute if no name server answers, and cannot be interrupted. So a thread asks it, and
    is left behind at the timeout.
    """
    import queue
    import socket
    import threading

    answers: queue.SimpleQueue[list[tuple[str, int]] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(hostname, port, type=socket.SOCK_STREAM)
            answers.put([(str(address[0]), port) for *_, address in found])
        except OSError as error:
            answers.put(error)
        except UnicodeError:  # an empty label, or one of more than 63 characters
            answers.put(socket.gaierror(socket.EAI_NONAME, "not a valid host name"))

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
