"""Sends what is too long and wants to see 1009: oversize.py URL LIMIT TRIES."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

URL, LIMIT, TRIES = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


async def main():
    for times in (1.5, 16, 64):
        size = int(times * LIMIT)
        for _ in range(TRIES):
            await is_too_big("x" * size)
            await is_too_big(["x" * (size // 10)] * 11)
        print(f"1009 for {times} x the limit, whole and in fragments, {TRIES} of {TRIES}")


async def is_too_big(message):
    socket = await connect(URL)
    try:
        await socket.send(message)
    except ConnectionClosed:
        pass  # The server may say so before all is sent.
    await asyncio.wait_for(socket.wait_closed(), 30)
    assert socket.close_code == 1009, socket.close_code


asyncio.run(main())
