"""What is passed to the gateway, as the structs of C."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from ctypes import byref, c_char_p, c_void_p
from typing import Any

from .enums import HttpFlags, LimitsFlags, OfferFlags, PullFlags, Transport
from .library import Error, _struct, _text, call
from .results import IceServer, Response, ViewerLimits, WallSlots
from .structs import _http_header, _http_request, _ice_server, _offer, _pull_options, _viewer_limits


def _respond(name: str, response: c_void_p, *arguments: Any) -> None:
    """Calls a function whose last parameter is out_response; raises Error with the response."""
    status = call(name, *arguments, byref(response))
    if status < 0:
        error = Error(status)
        if response.value is not None:
            error.response = Response(response)
        raise error


def _ice_servers(servers: Iterable[IceServer]) -> ctypes.Array[_ice_server]:
    elements = [
        _struct(
            _ice_server,
            url=_text(server.url),
            username=_text(server.username),
            credential=_text(server.credential),
            tls_ca=_text(server.tls_ca),
            tls_fingerprint=_text(server.tls_fingerprint),
        )
        for server in servers
    ]
    return (_ice_server * len(elements))(*elements)


def _limits_struct(limits: ViewerLimits) -> _viewer_limits:
    return _struct(
        _viewer_limits,
        max_bitrate_bps=limits.max_bitrate_bps,
        variant=limits.variant,
        flags=LimitsFlags.ONLY if limits.only else 0,
    )


def _offer_struct(
    stream_name: str | None,
    sdp: bytes,
    location_prefix: str | None,
    timeout_ms: int | None,
    peer: str | None,
    ice_servers: Iterable[IceServer] | None,
    label: str | None,
    user_data: int | None,
    limits: ViewerLimits | None,
    wall: WallSlots | None,
) -> _offer:
    offer = _struct(
        _offer,
        stream_name=_text(stream_name),
        sdp=sdp,
        sdp_size=len(sdp),
        location_prefix=_text(location_prefix),
        timeout_ms=timeout_ms or 0,
        flags=OfferFlags.NO_WAIT if timeout_ms == 0 else 0,
        peer=_text(peer),
        label=_text(label),
        user_data=user_data,
    )
    if ice_servers is not None:  # an empty list is not "no list"
        servers = _ice_servers(ice_servers)
        offer.ice_servers, offer.ice_servers_len = servers, len(servers)
    if limits is not None:
        offer.limits = ctypes.pointer(_limits_struct(limits))
    if wall is not None:
        names = [_text(name) for name in wall.video]
        offer.flags |= OfferFlags.WALL
        offer.slots, offer.slots_len = (c_char_p * len(names))(*names), len(names)
        offer.sound = _text(wall.sound)
    return offer


def _http_request_struct(
    method: str,
    path: str,
    headers: Mapping[str, str] | None,
    body: bytes,
    stream_name: str | None,
    session_key: str | None,
    authorized: bool,
    location_prefix: str | None,
    timeout_ms: int | None,
    peer: str | None,
    ice_servers: Iterable[IceServer] | None,
    label: str | None,
    user_data: int | None,
    wall: bool,
) -> _http_request:
    fields = [_http_header(_text(name), _text(value)) for name, value in (headers or {}).items()]
    flags = HttpFlags.NO_WAIT if timeout_ms == 0 else HttpFlags(0)
    if authorized:
        flags |= HttpFlags.AUTHORIZED
    if wall:
        flags |= HttpFlags.WALL
    request = _struct(
        _http_request,
        method=_text(method),
        path=_text(path),
        headers=(_http_header * len(fields))(*fields),
        headers_len=len(fields),
        body=body,
        body_size=len(body),
        stream_name=_text(stream_name),
        session_key=_text(session_key),
        location_prefix=_text(location_prefix),
        timeout_ms=timeout_ms or 0,
        flags=flags,
        peer=_text(peer),
        label=_text(label),
        user_data=user_data,
    )
    if ice_servers is not None:
        servers = _ice_servers(ice_servers)
        request.ice_servers, request.ice_servers_len = servers, len(servers)
    return request


def _pull(
    url: str,
    username: str | None,
    password: str | None,
    transport: Transport,
    flags: PullFlags,
    connect_timeout_ms: int,
    idle_timeout_ms: int,
    retry_min_ms: int,
    retry_max_ms: int,
    linger_ms: int,
    label: str | None,
    user_data: int | None,
    tls_ca: str | None,
    tls_fingerprint: str | None,
) -> _pull_options:
    return _struct(
        _pull_options,
        url=_text(url),
        username=_text(username),
        password=_text(password),
        transport=transport,
        flags=flags,
        connect_timeout_ms=connect_timeout_ms,
        idle_timeout_ms=idle_timeout_ms,
        retry_min_ms=retry_min_ms,
        retry_max_ms=retry_max_ms,
        linger_ms=linger_ms,
        label=_text(label),
        user_data=user_data,
        tls_ca=_text(tls_ca),
        tls_fingerprint=_text(tls_fingerprint),
    )
