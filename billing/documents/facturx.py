"""Say in a PDF's metadata that an e-invoice is inside, as Factur-X 1.0 asks. The
compiler has no way to write it.

An incremental update: the metadata object once more at the end of the file, and a table
that points to it. What was there stays, byte by byte.
"""

import re

NAME = "factur-x.xml"
_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_VALUES = {
    "DocumentFileName": (NAME, "name of the e-invoice among the attachments"),
    "DocumentType": ("INVOICE", "kind of document; a credit note is one too"),
    "Version": ("1.0", "version of the standard"),
    "ConformanceLevel": ("EN 16931", "profile of the standard"),
}
_METADATA = re.compile(
    rb"\n(\d+) 0 obj\n<</Length \d+/Type/Metadata/Subtype/XML>>\n"
    rb"stream\n(.+?)\nendstream",
    re.DOTALL,
)
_TRAILER = re.compile(rb"trailer\n<<(.+)>>\nstartxref\n(\d+)\n%%EOF\s*\Z", re.DOTALL)
# The one list of schemas that PDF/A allows is there already, since the compiler has
# some of its own.
_SCHEMAS_END = b"</rdf:Bag></pdfaExtension:schemas>"
_END = b"</rdf:RDF>"


def announced(pdf: bytes) -> bytes:
    """`pdf` with metadata that name the e-invoice attached to it.

    Raises ValueError for a PDF that is not laid out as the compiler does.
    """
    metadata, trailer = _METADATA.search(pdf), _TRAILER.search(pdf)
    if not metadata or not trailer or _SCHEMAS_END not in metadata[2]:
        raise ValueError("the PDF is not laid out as expected")
    content = metadata[2].replace(_SCHEMAS_END, _schema() + _SCHEMAS_END)
    content = content.replace(_END, _description() + _END)
    number = int(metadata[1])
    return pdf.rstrip() + _update(number, content, trailer, len(pdf.rstrip()))


def _update(number: int, content: bytes, trailer: re.Match[bytes], size: int) -> bytes:
    kind = b"/Type/Metadata/Subtype/XML"
    head = b"%d 0 obj\n<</Length %d%s>>\nstream\n" % (number, len(content), kind)
    body = b"\n" + head + content + b"\nendstream\nendobj\n"
    free = b"xref\n0 1\n0000000000 65535 f\r\n"
    table = free + b"%d 1\n%010d 00000 n\r\n" % (number, size + 1)
    begin = size + len(body)
    end = b"trailer\n<<%s/Prev %s>>\nstartxref\n%d\n%%%%EOF\n"
    return body + table + end % (trailer[1], trailer[2], begin)


def _description() -> bytes:
    values = "".join(
        f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _VALUES.items()
    )
    begin = f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">'
    return f"{begin}{values}</rdf:Description>".encode()


def _schema() -> bytes:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{meaning}</pdfaProperty:description></rdf:li>"
        for name, (_, meaning) in _VALUES.items()
    )
    text = (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>"
        "</rdf:li>"
    )
    return text.encode()
