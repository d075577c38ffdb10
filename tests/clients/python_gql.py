"""Uploads a photo and follows it with gql. Takes a task as JSON from python-gql.test.mjs; prints the events as JSON."""

import asyncio
import json
import sys

from gql import Client, FileVar, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport


async def main(task):
    headers = {"X-API-Key": task["key"]}
    http = AIOHTTPTransport(url=task["url"], headers=headers)
    socket = WebsocketsTransport(url=task["socketUrl"], init_payload=headers, subprotocols=task["subprotocols"])
    async with Client(transport=http, fetch_schema_from_transport=True) as requests:
        async with Client(transport=socket) as subscriptions:
            container = {"container": task["container"]}
            watch = GraphQLRequest(task["watch"], variable_values=container)
            states = asyncio.create_task(collect(subscriptions.subscribe(watch)))
            file = FileVar(task["photo"], content_type="image/jpeg")
            upload = GraphQLRequest(task["upload"], variable_values={**container, "file": file})
            answer = await requests.execute(upload, upload_files=True)
            return {"uploaded": answer["uploadImage"]["image"], "states": await states}


async def collect(results):
    return [result["imageStatusChanged"] async for result in results]


try:
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
except TransportError as error:
    sys.exit(f"{error}: {error.__cause__}")
