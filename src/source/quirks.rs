//! What cameras get wrong and are forgiven.
//!
//! Names are published: they are in the stream's info, and support people search for them. Never
//! rename one; add at the end of its group.

macro_rules! quirks {
    ($($variant:ident $name:literal $meaning:literal)*) => {
        /// Something that a camera gets wrong and is forgiven.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Quirk {
            $(#[doc = $meaning] $variant,)*
        }

        impl Quirk {
            /// All of them.
            pub const ALL: &[Quirk] = &[$(Quirk::$variant,)*];

            /// Short, in kebab case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Quirk::$variant => $name,)*
                }
            }

            /// What the camera does, for docs/quirks.md.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Quirk::$variant => $meaning,)*
                }
            }
        }
    };
}

quirks! {
    StatusLine "status-line" "The first line of a response is not `RTSP/1.0 CODE REASON`, for instance because the reason is missing."
    HeaderLine "header-line" "A header line has no name or no colon, or goes on in the next line; or the empty line behind the last is missing."
    LineEnds "line-ends" "Lines of a message end with LF or CR alone."
    Cseq "cseq" "A response has no CSeq, or not that of the request. It counts as the response to the oldest request."
    ContentLength "content-length" "The length of a body is missing or wrong."
    ContentType "content-type" "The session description is not announced as `application/sdp`."
    Junk "junk-between-frames" "There are bytes between messages and interleaved frames that are neither. Counted in runs."
    Unanswered "unanswered" "The camera leaves a request unanswered. It is asked in another way the next time: behind OPTIONS, or without the track that the request was for."
    RequestsWhilePlaying "server-requests" "The camera sends requests of its own."
    NoSession "no-session" "A response to SETUP has no session id."
    NoTransport "no-transport" "A response to SETUP does not say how media will be sent. It is expected as it was asked for."
    TransportSyntax "transport-syntax" "The Transport header of a response breaks its grammar: blanks, commas for semicolons, empty values."
    Channels "channels" "Media of a track comes on another interleaved channel than the response to SETUP said."
    Challenge "challenge" "The WWW-Authenticate header breaks its grammar."
    ClosedAfterChallenge "closed-after-challenge" "The camera closes the connection behind a 401 or a redirect, and the next request needs a new one."
    KeepAliveRefused "keep-alive-refused" "The camera refuses the requests that keep its session alive."
    BaseUrl "base-url" "The URLs of tracks are not those that the session description and its base URL make. Another form was accepted."
    SdpLines "sdp-lines" "Lines that every session description has are missing, incomplete or out of order: `v=`, `o=`, `s=`, `t=`, `c=`."
    SdpText "sdp-text" "The session description has lines that end with CR alone, NUL or other control characters, or text that is not UTF-8."
    SdpRtpmap "sdp-rtpmap" "A payload type has no `a=rtpmap`, or one without encoding or clock rate."
    SdpControl "sdp-control" "A track has no URL of its own (`a=control`), although there are several."
    Markers "markers" "Marker bits are set where no video frame ends."
    StartCodes "start-codes" "There are start codes in NAL units, or between several that are sent as one."
    Timestamps "timestamps" "Timestamps stand still, jump, run backwards or at a wrong speed. Counted in frames that are spaced by their arrival."
    SequenceNumbers "sequence-numbers" "Sequence numbers stand still, are reset or mean nothing."
    PayloadType "payload-type" "Packets have another payload type than the session description says."
}

/// How often each of them was forgiven.
#[derive(Clone, Debug)]
pub struct Quirks([u32; Quirk::ALL.len()]);

impl Default for Quirks {
    fn default() -> Self {
        Quirks([0; Quirk::ALL.len()])
    }
}

impl Quirks {
    /// Counts it.
    pub fn note(&mut self, quirk: Quirk, times: u32) {
        if let Some(count) = self.0.get_mut(quirk as usize) {
            *count = count.saturating_add(times);
        }
    }

    /// Those that occurred, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Quirk, u32)> + '_ {
        let all = Quirk::ALL.iter().copied().zip(self.0);
        all.filter(|(_, times)| *times > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let names: BTreeSet<&str> = Quirk::ALL.iter().map(|quirk| quirk.name()).collect();
        assert_eq!(names.len(), Quirk::ALL.len());
        for name in names {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(allowed), "{name}");
        }
    }

    #[test]
    fn what_occurred_is_counted_and_nothing_else_is_told() {
        let mut quirks = Quirks::default();
        assert_eq!(quirks.iter().count(), 0);
        quirks.note(Quirk::Cseq, 2);
        quirks.note(Quirk::Cseq, u32::MAX);
        for &quirk in Quirk::ALL {
            quirks.note(quirk, 1);
        }
        let told: Vec<(Quirk, u32)> = quirks.iter().collect();
        assert_eq!(told.len(), Quirk::ALL.len());
        assert!(told.contains(&(Quirk::Cseq, u32::MAX)));
        assert!(told.contains(&(Quirk::Junk, 1)));
    }
}
