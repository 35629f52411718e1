//! One viewer: SDP answer, ICE, DTLS, SRTP, RTCP and sending. Sans-I/O: datagrams, media and time
//! come in as arguments, datagrams and events go out.

pub mod answer;
pub mod dtls;
pub mod ice;
pub mod rtcp;
pub mod srtp;
