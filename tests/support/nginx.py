"""Debian's nginx before a server, as operators put one there."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.command import end, free_port
from tests.support.patience import see, until

CONFIGURATION = """
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {url};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $http_host;
      proxy_read_timeout 20s;
    }}
  }}
}}
"""


@asynccontextmanager
async def behind_nginx(url: str, folder: Path) -> AsyncIterator[str]:
    """The address of an nginx that passes all on to `url`; skips where nginx is missing."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed")
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIGURATION.format(port=port, url=url))
    command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
    )
    try:
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address) as web:
            await until(lambda: _answers(web), "nginx answers")
        yield address
    finally:
        await end(process)


async def _answers(web: httpx.AsyncClient) -> bool:
    try:
        return see(await web.get("/health/live")).status_code == 200
    except httpx.TransportError as failure:
        see(failure)
        return False
