"""Speaks with the chat as a Python program does: python_websockets.py URL LIMIT."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

URL, LIMIT = sys.argv[1], int(sys.argv[2])


async def main():
    async with connect(URL + "?userId=python") as socket:
        await chats(socket)
        await asyncio.wait_for(await socket.ping(), 10)
        print("a ping was answered")
    assert (socket.close_code, socket.protocol.close_rcvd.code) == (1000, 1000), socket.close_code
    print("closed with 1000 by both sides")

    for times in (1.5, 16, 64):
        size = int(times * LIMIT)
        await is_too_big("x" * size)
        await is_too_big(["x" * (size // 10)] * 11)
        print(f"1009 for {times} x the limit, whole and in fragments")


async def chats(socket):
    sent = {"action": "broadcastchatmessage", "message": "grüße from *Python*", "userId": "python"}
    await socket.send(json.dumps(sent))
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 10))
        if message["action"] == "chatmessage":
            break
    assert (message["userId"], message["message"]) == ("python", sent["message"]), message
    print("a message came back")


async def is_too_big(message):
    socket = await connect(URL)
    try:
        await socket.send(message)
    except ConnectionClosed:
        pass  # The server may say so before all is sent.
    await asyncio.wait_for(socket.wait_closed(), 30)
    assert socket.close_code == 1009, socket.close_code


asyncio.run(main())
