"""Speaks with the chat as a Python program does: python_websockets.py URL."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

URL = sys.argv[1]


async def main():
    async with connect(URL + "?userId=python") as socket:
        await chats(socket)
        await asyncio.wait_for(await socket.ping(), 10)
        print("a ping was answered")
    assert (socket.close_code, socket.protocol.close_rcvd.code) == (1000, 1000), socket.close_code
    print("closed with 1000 by both sides")


async def chats(socket):
    sent = {"action": "broadcastchatmessage", "message": "grüße from *Python*", "userId": "python"}
    await socket.send(json.dumps(sent))
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 10))
        if message["action"] == sent["action"]:
            break
    html = "<p>grüße from <em>Python</em></p>\n"
    assert (message["userId"], message["message"]) == ("python", html), message
    print("a message came back")


asyncio.run(main())
