"""An upstream over TLS behind the whole proxy: certificates reach workers of their own processes."""

from pathlib import Path

import trustme

from tests.support import certificates
from tests.support.backend import backend, ok, says
from tests.support.proxy import routes_text, running


async def test_workers_show_the_client_certificate_that_control_has_read(tmp_path: Path) -> None:
    ca, clients = trustme.CA(), trustme.CA()
    ours = clients.issue_cert("proxy.test")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    context = certificates.server(ca, "localhost", client_ca=clients)

    async with backend(says(ok(b"safe")), tls=context) as monolith:
        text = routes_text(monolith=monolith.port, workers=2).replace(
            f'"http://127.0.0.1:{monolith.port}"',
            f'"https://localhost:{monolith.port}", tls: {{ca: ca.pem, cert: cert.pem, key: key.pem}}',
        )
        async with running(tmp_path, text) as proxy:
            answers = {await proxy.get("/x") for _ in range(6)}
            log = (tmp_path / "log").read_text()

    assert answers == {(200, "safe")}
    assert "PRIVATE" not in log
