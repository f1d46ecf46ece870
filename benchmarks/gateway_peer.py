"""The naive peer of the gateway benchmark: what a first version usually looks like.

asyncio streams, the same parser, one ORM row a value with text codes and a serial key, one commit a frame,
then the answer. Started by `benchmarks.gateway` as a process of its own.
"""

import asyncio
import sys
from datetime import datetime

from sqlalchemy import DateTime, Index, MetaData
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.ingest.hj212.codec import Frame, Framer, answer, parse_segment, tables, to_upload


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """Base of the peer's tables."""


class NaiveReading(Table, table=True):
    """A value as a row of its own."""

    __table_args__ = (Index("naive_series", "mn", "factor", "kind", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    mn: str
    factor: str
    kind: str
    at: datetime = Field(sa_type=DateTime(timezone=True))
    value: float | None
    least: float | None
    greatest: float | None
    flag: str | None


async def main(url: str) -> None:
    tables.warm()
    engine = create_async_engine(url, pool_size=20)
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(65536):
            for event in framer.feed(data):
                if not isinstance(event, Frame):
                    continue
                packet = parse_segment(event.segment)
                upload = to_upload(packet)
                async with AsyncSession(engine, expire_on_commit=False) as session:
                    session.add_all(
                        NaiveReading(
                            mn=packet.mn, factor=item.factor, kind=upload.kind.value, at=upload.data_time,
                            value=item.avg, least=item.min, greatest=item.max, flag=item.flag,
                        )
                        for item in upload.values
                    )  # fmt: skip
                    await session.commit()
                writer.write(answer(packet, "9014"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
