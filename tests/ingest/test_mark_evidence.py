import io
import zipfile

import pytest
from PIL import Image

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.marks import MarkEvent, MarkState
from tests.ingest.conftest import Ingest
from tests.ingest.test_marks import act, given

PDF = b"%PDF-1.7\n1 0 obj\n%%EOF\n"


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return out.getvalue()


async def test_a_file_proves_a_mark_and_is_read_back(ingest: Ingest) -> None:
    mark = await ingest.client.add_mark(given(await ingest.outlet()))
    own = ingest.as_(Role.ENTERPRISE, enterprise_id=mark.enterprise_id)
    proved = await own.add_mark_evidence(mark.id, "维护 记录.pdf", PDF)
    again = await own.add_mark_evidence(mark.id, "copy.pdf", PDF)
    (file,) = proved.evidence
    answer = await own.read_mark_evidence(file.id)
    accepted = await act(ingest, proved, MarkEvent.ACCEPT, Role.OFFICER)

    assert (file.name, file.media_type, file.size, again.version, proved.version) == (
        "维护 记录.pdf", "application/pdf", len(PDF), 2, 2,
    )  # fmt: skip
    assert (answer.content, answer.headers["content-type"]) == (PDF, "application/pdf")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert accepted.state is MarkState.ACCEPTED


async def test_others_neither_add_nor_read(ingest: Ingest) -> None:
    mark = await ingest.client.add_mark(given(await ingest.outlet()))
    other = ingest.as_(Role.ENTERPRISE, enterprise_id=await ingest.enterprise("E2"))
    (file,) = (await ingest.client.add_mark_evidence(mark.id, "a.png", picture())).evidence
    for call in (other.add_mark_evidence(mark.id, "b.pdf", PDF), other.read_mark_evidence(file.id)):
        with pytest.raises(ServiceCallError) as refused:
            await call
        assert refused.value.status == 404
    with pytest.raises(ServiceCallError) as forbidden:
        await ingest.as_(Role.OFFICER).add_mark_evidence(mark.id, "b.pdf", PDF)
    assert forbidden.value.status == 403


@pytest.mark.parametrize(
    ("name", "content", "status", "reason"),
    [
        ("a.pdf", b"", 422, None),
        ("a.exe", b"MZ\x90", 415, "type_not_allowed"),
        ("a.png", PDF, 415, "name_and_content_differ"),
        ("a.pdf", b"%PDF-1.7 cut", 415, "content_broken"),
        ("a.pdf", b"%PDF-1.7 <script>x</script> %%EOF", 415, "polyglot"),
        ("a.png", b"\x89PNG\r\n\x1a\nnothing", 415, "content_broken"),
        ("a.xlsx", archive("word/document.xml"), 415, "type_not_allowed"),
        ("a.xlsx", archive("xl/workbook.xml", "xl/vbaProject.bin"), 415, "type_not_allowed"),
        ("a.pdf", PDF + b"x" * 10_000_000, 413, None),
    ],
)
async def test_what_is_no_evidence_is_refused(
    ingest: Ingest, name: str, content: bytes, status: int, reason: str | None
) -> None:
    mark = await ingest.client.add_mark(given(await ingest.outlet()))
    with pytest.raises(ServiceCallError) as refused:
        await ingest.client.add_mark_evidence(mark.id, name, content)
    assert (refused.value.status, refused.value.context.get("reason")) == (status, reason)
    good = await ingest.client.add_mark_evidence(mark.id, "a.xlsx", archive("xl/workbook.xml"))
    assert len(good.evidence) == 1
