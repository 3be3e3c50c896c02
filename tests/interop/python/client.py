"""One maintenance session through a published Python client of etcd (aetcd).

    client.py HOST PORT SNAPSHOT-FILE

Expects a fresh server. Prints one line per step, and nothing that may differ between two correct servers, so that
the output of two runs can be compared. Values that are not printed are checked: the first wrong one ends the program
with exit code 1.
"""

import asyncio
import hashlib
import sys

import aetcd


async def session(host, port, snapshot_file):
    async with aetcd.Client(host=host, port=port, timeout=10) as client:
        for i in range(300):
            await client.put(b"key/%03d" % (i % 100), b"value %d " % i * 30)
        got = await client.get(b"key/042")
        print("get:", got.key, got.value[:9], got.create_revision, got.mod_revision, got.version, got.lease)
        print("absent:", await client.get(b"absent"))
        found = [kv.key for kv in await client.get_prefix(b"key/09", sort_order="descend")]
        print("prefix:", found)

        print("deleted:", (await client.delete(b"key/042")) is not None, await client.delete(b"key/042"))
        await client.delete_prefix(b"key/05")
        print("left:", len(list(await client.get_prefix(b"key/"))))

        done, responses = await client.transaction(
            compare=[
                client.transactions.version(b"key/007") > 2,
                client.transactions.value(b"key/050") == b"",
            ],
            success=[client.transactions.put(b"key/007", b"won")],
            failure=[client.transactions.get(b"key/007"), client.transactions.put(b"key/007", b"lost")],
        )
        print("txn:", done, len(responses), (await client.get(b"key/007")).value)

        await client.compact(200, physical=True)
        try:
            await client.compact(200)
        except aetcd.ClientError as error:
            print("compacted:", type(error).__name__, error)

        status = await client.status()
        assert status.db_size > 0 and status.raft_index > 0 and status.raft_term > 0, vars(status)
        print("status:", status.leader.id, status.leader.peer_urls)
        await client.defragment()
        after = await client.status()
        assert after.db_size <= status.db_size, (after.db_size, status.db_size)
        assert await client.hash() > 0

        member = status.leader.id
        print("raised:", [(a.alarm_type, a.member_id) for a in await client.create_alarm(member)])
        print("alarms:", [(a.alarm_type, a.member_id) async for a in client.list_alarms()])
        try:
            await client.put(b"key/000", b"no room")
        except aetcd.ClientError as error:
            print("refused:", type(error).__name__, error)
        await client.disarm_alarm(member)
        print("alarms:", [a async for a in client.list_alarms()])
        await client.put(b"newkey", b"123")
        print("newkey:", (await client.get(b"newkey")).value)

        with open(snapshot_file, "wb") as file:
            await client.snapshot(file)
    with open(snapshot_file, "rb") as file:
        stream = file.read()
    body, digest = stream[:-32], stream[-32:]
    assert len(body) % 512 == 0 and body, len(stream)
    assert hashlib.sha256(body).digest() == digest, "the digest does not match"
    print("snapshot: the digest fits")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: client.py HOST PORT SNAPSHOT-FILE")
    asyncio.run(asyncio.wait_for(session(sys.argv[1], int(sys.argv[2]), sys.argv[3]), 60))
