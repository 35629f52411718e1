"""The function pointers and structs of the C API, as C has them."""

import ctypes
from ctypes import POINTER, Structure, c_bool, c_char, c_char_p, c_int, c_int32, c_int64
from ctypes import c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p

_free_fn = ctypes.CFUNCTYPE(None, c_void_p)
_keyframe_request_fn = ctypes.CFUNCTYPE(None, c_void_p, c_uint64)


class _log_record(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("level", c_int32),
        ("reserved", c_uint32),
        ("target", c_char_p),
        ("message", c_char_p),
        ("stream", c_uint64),
        ("session", c_uint64),
        ("stream_name", c_char_p),
    ]


_log_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_log_record))


_whep_fn = ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_int, c_void_p)


class _tuning_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key", c_int32),
        ("applies", c_int32),
        ("name", c_char_p),
        ("help", c_char_p),
        ("default_value", c_int64),
        ("min_value", c_int64),
        ("max_value", c_int64),
    ]


class _tuning(Structure):
    _fields_ = [("key", c_int32), ("reserved", c_uint32), ("value", c_int64)]


class _ice_server(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("url", c_char_p),
        ("username", c_char_p),
        ("credential", c_char_p),
        ("tls_ca", c_char_p),
        ("tls_fingerprint", c_char_p),
    ]


class _authorize_request(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("request_id", c_uint64),
        ("stream_name", c_char_p),
        ("bearer_token", c_char_p),
        ("peer", c_char_p),
        ("operation", c_int32),
        ("reserved", c_uint32),
    ]


_authorize_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_authorize_request))


class _stream_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("state", c_int32),
        ("status", c_int32),
        ("message", c_char_p),
        ("stream_user_data", c_void_p),
        ("name", c_char_p),
        ("label", c_char_p),
        ("warning", c_int32),
        ("reserved", c_uint32),
        ("warning_message", c_char_p),
    ]


_stream_state_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_stream_event))


class _session_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("session", c_uint64),
        ("stream", c_uint64),
        ("state", c_int32),
        ("status", c_int32),
        ("message", c_char_p),
        ("session_user_data", c_void_p),
        ("label", c_char_p),
        ("peer", c_char_p),
        ("stream_name", c_char_p),
    ]


_session_state_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_session_event))


class _quality_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("session", c_uint64),
        ("stream", c_uint64),
        ("variant", c_uint64),
        ("detail", c_int32),
        ("reason", c_int32),
        ("bandwidth_bps", c_uint64),
        ("needed_bps", c_uint64),
        ("held_back", c_char_p),
        ("session_user_data", c_void_p),
        ("label", c_char_p),
        ("peer", c_char_p),
        ("stream_name", c_char_p),
    ]


_session_quality_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_quality_event))


class _output_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("output", c_uint64),
        ("stream", c_uint64),
        ("session", c_uint64),
        ("state", c_int32),
        ("status", c_int32),
        ("message", c_char_p),
        ("output_user_data", c_void_p),
        ("server", c_char_p),
        ("label", c_char_p),
        ("stream_name", c_char_p),
    ]


_output_state_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_output_event))
_http_fn = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)


class _http_header(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class _http_request(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("method", c_char_p),
        ("path", c_char_p),
        ("headers", POINTER(_http_header)),
        ("headers_len", c_size_t),
        ("body", c_char_p),
        ("body_size", c_size_t),
        ("stream_name", c_char_p),
        ("session_key", c_char_p),
        ("location_prefix", c_char_p),
        ("timeout_ms", c_uint32),
        ("flags", c_uint32),
        ("peer", c_char_p),
        ("ice_servers", POINTER(_ice_server)),
        ("ice_servers_len", c_size_t),
        ("label", c_char_p),
        ("user_data", c_void_p),
    ]


class _listen_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("address", c_char_p),
        ("tls_certificates", c_char_p),
        ("tls_certificates_size", c_size_t),
        ("tls_private_key", c_char_p),
        ("tls_private_key_size", c_size_t),
        ("max_connections", c_uint32),
        ("max_connections_per_peer", c_uint32),
        ("host_names", POINTER(c_char_p)),
        ("host_names_len", c_size_t),
        ("fd", c_int32),
        ("flags", c_uint32),
    ]


class _callbacks(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("free_user_data", _free_fn),
        ("on_stream_state", _stream_state_fn),
        ("on_session_state", _session_state_fn),
        ("on_keyframe_request", _keyframe_request_fn),
        ("on_authorize", _authorize_fn),
        ("on_session_quality", _session_quality_fn),
        ("on_output_state", _output_state_fn),
    ]


class _config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("udp_bind", c_char_p),
        ("public_addresses", POINTER(c_char_p)),
        ("public_addresses_len", c_size_t),
        ("tuning", POINTER(_tuning)),
        ("tuning_len", c_size_t),
        ("callbacks", POINTER(_callbacks)),
        ("bearer_tokens", POINTER(c_char_p)),
        ("bearer_tokens_len", c_size_t),
        ("ice_servers", POINTER(_ice_server)),
        ("ice_servers_len", c_size_t),
        ("allowed_origins", POINTER(c_char_p)),
        ("allowed_origins_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("interfaces", POINTER(c_char_p)),
        ("interfaces_len", c_size_t),
        ("stun_servers", POINTER(c_char_p)),
        ("stun_servers_len", c_size_t),
        ("udp_fd", c_int32),
        ("tcp_fd", c_int32),
        ("turn_servers", POINTER(_ice_server)),
        ("turn_servers_len", c_size_t),
    ]


class _pull_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("url", c_char_p),
        ("username", c_char_p),
        ("password", c_char_p),
        ("transport", c_int32),
        ("flags", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("idle_timeout_ms", c_uint32),
        ("retry_min_ms", c_uint32),
        ("retry_max_ms", c_uint32),
        ("linger_ms", c_uint32),
        ("reserved", c_uint32),
        ("label", c_char_p),
        ("user_data", c_void_p),
        ("tls_ca", c_char_p),
        ("tls_fingerprint", c_char_p),
    ]


class _stream_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("state", c_int32),
        ("status", c_int32),
        ("video_codec", c_int32),
        ("audio_codec", c_int32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("sessions", c_uint32),
        ("reconnects", c_uint32),
        ("bytes", c_uint64),
        ("packets_lost", c_uint64),
        ("frames", c_uint64),
        ("keyframes", c_uint64),
        ("since_last_media_ms", c_int64),
        ("message", c_char * 256),
        ("frames_dropped", c_uint64),
        ("keyframe_requests", c_uint64),
        ("bitrate_bps", c_uint64),
        ("user_data", c_void_p),
        ("name", c_char * 136),
        ("label", c_char * 136),
        ("quirks", c_char * 256),
        ("warning", c_int32),
        ("warning_message", c_char * 252),
    ]


class _push_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("video_codec", c_int32),
        ("audio_codec", c_int32),
        ("audio_sample_rate", c_uint32),
        ("audio_channels", c_uint32),
        ("queue_frames", c_uint32),
        ("flags", c_uint32),
        ("label", c_char_p),
        ("user_data", c_void_p),
        ("codec_config", POINTER(c_uint8)),
        ("codec_config_size", c_size_t),
        ("idle_timeout_ms", c_uint32),
        ("reserved", c_uint32),
        ("audio_config", POINTER(c_uint8)),
        ("audio_config_size", c_size_t),
    ]


class _frame(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("data", POINTER(c_uint8)),
        ("size", c_size_t),
        ("pts_us", c_int64),
        ("capture_unix_us", c_int64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("release", _free_fn),
        ("release_data", c_void_p),
    ]


class _sink_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("queue_frames", c_uint32),
        ("queue_bytes", c_uint64),
    ]


class _sink_frame(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("track", c_int32),
        ("codec", c_int32),
        ("data", POINTER(c_uint8)),
        ("size", c_size_t),
        ("parameters", POINTER(c_uint8)),
        ("parameters_size", c_size_t),
        ("pts_us", c_int64),
        ("capture_unix_us", c_int64),
        ("arrival_unix_us", c_int64),
        ("age_us", c_int64),
        ("flags", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("sample_rate", c_uint32),
        ("channels", c_uint32),
        ("packets_lost", c_uint32),
        ("frames_dropped", c_uint32),
        ("reserved", c_uint32),
        ("encoding", c_char * 24),
    ]


class _sink_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("frames", c_uint64),
        ("bytes", c_uint64),
        ("frames_dropped", c_uint64),
        ("overflows", c_uint64),
        ("queued_bytes", c_uint64),
        ("queued_frames", c_uint32),
        ("reserved", c_uint32),
    ]


class _output_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("url", c_char_p),
        ("bearer_token", c_char_p),
        ("tls_ca", c_char_p),
        ("tls_fingerprint", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("max_bitrate_bps", c_uint64),
        ("label", c_char_p),
        ("user_data", c_void_p),
    ]


class _output_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("session", c_uint64),
        ("state", c_int32),
        ("status", c_int32),
        ("attempts", c_uint64),
        ("connections", c_uint64),
        ("retry_in_ms", c_int64),
        ("user_data", c_void_p),
        ("message", c_char * 256),
        ("server", c_char * 264),
        ("label", c_char * 136),
        ("warning", c_char * 256),
    ]


class _viewer_limits(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("max_bitrate_bps", c_uint64),
        ("variant", c_uint64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class _offer(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream_name", c_char_p),
        ("sdp", c_char_p),
        ("sdp_size", c_size_t),
        ("location_prefix", c_char_p),
        ("timeout_ms", c_uint32),
        ("flags", c_uint32),
        ("peer", c_char_p),
        ("ice_servers", POINTER(_ice_server)),
        ("ice_servers_len", c_size_t),
        ("label", c_char_p),
        ("user_data", c_void_p),
        ("limits", POINTER(_viewer_limits)),
        ("slots", POINTER(c_char_p)),
        ("slots_len", c_size_t),
        ("sound", c_char_p),
    ]


class _slot_view(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("width", c_uint32),
        ("height", c_uint32),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class _slot_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("slot", c_char * 72),
        ("track", c_int32),
        ("flags", c_uint32),
        ("stream", c_uint64),
        ("variant", c_uint64),
        ("state", c_int32),
        ("detail", c_int32),
        ("reason", c_int32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("video_width", c_uint32),
        ("video_height", c_uint32),
        ("clock_rtp", c_uint32),
        ("clock_unix_ms", c_uint64),
        ("why", c_char * 384),
    ]


class _session_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("state", c_int32),
        ("srtp_profile", c_int32),
        ("bytes_sent", c_uint64),
        ("packets_sent", c_uint64),
        ("nacks", c_uint64),
        ("retransmits", c_uint64),
        ("plis", c_uint64),
        ("overflows", c_uint64),
        ("age_ms", c_uint64),
        ("round_trip_us", c_uint32),
        ("loss_ppm", c_uint32),
        ("remote_address", c_char * 64),
        ("user_data", c_void_p),
        ("label", c_char * 136),
        ("peer", c_char * 136),
        ("variant", c_uint64),
        ("detail", c_int32),
        ("reason", c_int32),
        ("bandwidth_bps", c_uint64),
        ("needed_bps", c_uint64),
        ("padding_packets", c_uint64),
        ("padding_bytes", c_uint64),
        ("skips", c_uint64),
        ("switches_up", c_uint64),
        ("switches_down", c_uint64),
        ("switches_fewer_frames", c_uint64),
        ("switches_keyframes", c_uint64),
        ("switches_sound_only", c_uint64),
        ("held_back", c_char * 384),
        ("protocol", c_int32),
        ("relay", c_uint32),
    ]
