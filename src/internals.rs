//! What the tests and benchmarks of this repository use beside the public API. Nothing here is
//! promised to anyone else. Names are listed one by one, so that the compiler still sees what nobody
//! uses.

/// Codecs, packetizer, ring.
pub mod media {
    pub use crate::media::{
        AccessUnit, Codec, MAX_PAYLOAD, MediaKind, ParameterSets, RateMeter, Ring, RingLimits,
        StreamRate, Track, TrackInfo,
    };

    /// OBUs of AV1.
    pub mod av1 {
        pub use crate::media::av1::obus;
    }
    /// Parameter sets of H.264.
    pub mod h264 {
        pub use crate::media::h264::ParameterSets;
    }
    /// Parameter sets of H.265.
    pub mod h265 {
        pub use crate::media::h265::ParameterSets;
    }
    /// NAL units.
    pub mod nal {
        pub use crate::media::nal::nals;
    }
}

/// Offers and answers.
pub mod sdp {
    pub use crate::sdp::{Fingerprint, IceCredentials};

    /// Writing answers.
    pub mod answer {
        pub use crate::sdp::answer::{
            Allowed, LocalTransport, answer, negotiate, restart_fragment,
        };
    }
    /// Bodies of PATCH requests.
    pub mod fragment {
        pub use crate::sdp::fragment::Fragment;
    }
    /// Reading offers.
    pub mod offer {
        pub use crate::sdp::offer::Offer;
    }
}

/// One viewer.
pub mod session {
    pub use crate::session::{
        Io, LegConfig, Media, Path, PathMemory, SendBuffer, Session, SessionEvent, TrackId, Tracks,
        Transmit, TransportConfig, WallClock, WouldBlock,
    };

    /// The gateway's certificate.
    pub mod dtls {
        pub use crate::session::dtls::Certificate;
    }
    /// What viewers report and ask for.
    pub mod rtcp {
        pub use crate::session::rtcp::{Feedback, parse_feedback};
    }
    /// Sealing.
    pub mod srtp {
        pub use crate::session::srtp::{KeyingMaterial, MasterKey, RtpSealer};
    }
}

/// Cameras.
pub mod source {
    pub use crate::source::video::{Gate, Passed, Received};
    pub use crate::source::{CameraConfig, Quirk, Sink, run};

    /// From packets to access units.
    pub mod rtp {
        pub use crate::source::rtp::{Format, Order, Reception};
    }
}
