//! The messages of a wall, as JSON (RFC 8259). They are the same by HTTP `PATCH` and over the data channel.
//!
//! A [`Request`] says what slots are to show, the [`Reply`] what has become of that, slot by slot, and a
//! [`Notice`] what a slot shows. `docs/embedding.md` describes them for those who write pages.

use std::fmt;
use std::marker::PhantomData;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result, Status, reason_phrase};
use crate::media::MediaKind;
use crate::state::{MAX_SIDE, SlotInfo, StreamState};

/// Maximum size of a message in bytes, in both directions.
pub const MAX_MESSAGE: usize = 64 << 10;
/// Maximum number of slots in one request: more than a session has.
const MAX_SLOTS: usize = 256;
/// Maximum length of the name of a slot in bytes: that of an `a=mid`.
const MAX_SLOT_NAME: usize = 64;
/// Maximum length of the name of a stream in bytes.
const MAX_STREAM_NAME: usize = 128;
/// Maximum number of a request: the largest integer that is exact in JavaScript.
const MAX_ID: u64 = 1 << 53;

/// What a page wants of its slots.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// A number of the page's choice, for the reply.
    #[serde(default, deserialize_with = "id")]
    pub id: Option<u64>,
    /// At most 256.
    #[serde(deserialize_with = "slots")]
    pub slots: Vec<SlotRequest>,
}

/// What a page wants of one slot. What it does not name stays as it is.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct SlotRequest {
    /// The `a=mid` of the slot's media section.
    #[serde(deserialize_with = "slot_name")]
    pub slot: String,
    /// The stream to show; `Some(None)`: none.
    #[serde(default, deserialize_with = "stream_name")]
    pub stream: Option<Option<String>>,
    /// Width of the tile in device pixels; 0: not known.
    #[serde(default, deserialize_with = "side")]
    pub width: Option<u16>,
    /// Height of the tile in device pixels; 0: not known.
    #[serde(default, deserialize_with = "side")]
    pub height: Option<u16>,
    /// Whether this tile comes before others.
    #[serde(default, deserialize_with = "flag")]
    pub focus: Option<bool>,
    /// Whether nothing is to be sent.
    #[serde(default, deserialize_with = "flag")]
    pub paused: Option<bool>,
}

impl Request {
    /// Reads a request. What is wrong with a part of it is wrong with all of it.
    ///
    /// # Errors
    /// [`Status::TooLarge`] above [`MAX_MESSAGE`], and [`Status::InvalidArgument`] for what is no request:
    /// answer with [`unreadable`].
    pub fn parse(text: &[u8]) -> Result<Request> {
        if text.len() > MAX_MESSAGE {
            return Err(Error::new(
                Status::TooLarge,
                format!(
                    "a message of {} bytes was sent: at most {MAX_MESSAGE} are read; ask for \
                     fewer slots at a time",
                    text.len()
                ),
            ));
        }
        // What is ignored is not looked at otherwise.
        let read = std::str::from_utf8(text).map_err(|error| error.to_string());
        let read = read.and_then(|text| {
            let read = serde_json::from_str(text).map(|Object(request)| request);
            read.map_err(|error| error.to_string())
        });
        read.map_err(|mut why| {
            // The sentence goes back to the page: what it quotes of it must not grow beyond measure.
            why.truncate(why.floor_char_boundary(200));
            Error::new(
                Status::InvalidArgument,
                format!(
                    "the message is not a request such as \
                     {{\"id\":1,\"slots\":[{{\"slot\":\"0\",\"stream\":\"door\"}}]}}: {why}"
                ),
            )
        })
    }
}

/// The answer to a message that is no request. It has the number of the request if that at least can be read.
pub fn unreadable(text: &[u8], error: &Error) -> String {
    #[derive(Deserialize)]
    struct Numbered {
        #[serde(default, deserialize_with = "id")]
        id: Option<u64>,
    }

    #[derive(Serialize)]
    struct Unreadable<'a> {
        id: Option<u64>,
        status: u16,
        title: &'static str,
        detail: &'a str,
    }

    let readable = text.len() <= MAX_MESSAGE;
    let numbered = readable.then(|| serde_json::from_slice::<Numbered>(text));
    let status = error.status().http();
    json(&Unreadable {
        id: numbered.and_then(|numbered| numbered.ok()?.id),
        status,
        title: reason_phrase(status),
        detail: error.message(),
    })
}

/// What has become of a [`Request`].
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// That of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// One for each slot that the request names, in that order.
    pub slots: Vec<Decision>,
}

/// What has become of the request for one slot.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// The slot.
    pub slot: String,
    /// The name of the stream that it is bound to now, if it is to any; or why nothing was changed.
    pub result: std::result::Result<Option<String>, Refusal>,
}

/// Why the request for a slot failed, as problem details (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// An HTTP status.
    pub status: u16,
    /// A sentence.
    pub detail: String,
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Refusal {
        Refusal {
            status: error.status().http(),
            detail: error.message().to_owned(),
        }
    }
}

impl Reply {
    /// As it is sent.
    pub fn json(&self) -> String {
        json(self)
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Bound<'a> {
            slot: &'a str,
            stream: Option<&'a str>,
        }

        #[derive(Serialize)]
        struct Refused<'a> {
            slot: &'a str,
            status: u16,
            title: &'static str,
            detail: &'a str,
        }

        let slot = self.slot.as_str();
        match &self.result {
            Ok(stream) => Bound {
                slot,
                stream: stream.as_deref(),
            }
            .serialize(serializer),
            Err(refusal) => Refused {
                slot,
                status: refusal.status,
                title: reason_phrase(refusal.status),
                detail: &refusal.detail,
            }
            .serialize(serializer),
        }
    }
}

/// What some slots show.
#[derive(Debug, Serialize)]
pub struct Notice<'a> {
    /// At least one.
    pub slots: &'a [SlotNotice<'a>],
}

/// What a slot shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SlotNotice<'a> {
    /// The slot.
    pub slot: &'a str,
    /// `video` or `audio`.
    pub kind: &'a str,
    /// The stream that it is bound to.
    pub stream: Option<&'a str>,
    /// The state of that; `none` without one.
    pub state: &'a str,
    /// A sentence if it is not live, or less of it is shown; else empty.
    pub reason: &'a str,
    /// The variant that is shown; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
    /// How much of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// Width of the video in pixels; 0 if it is not known.
    pub width: u32,
    /// Height of the video in pixels; 0 if it is not known.
    pub height: u32,
    /// An RTP timestamp of the slot, and its wall clock.
    #[serde(flatten)]
    pub clock: Option<SlotClock>,
}

/// The wall clock of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SlotClock {
    /// An RTP timestamp.
    pub rtp: u32,
    /// What the wall clock was then, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl<'a> SlotNotice<'a> {
    /// What this slot shows, by the variant of this name.
    pub fn of(slot: &'a SlotInfo, variant: Option<&'a str>) -> SlotNotice<'a> {
        let (width, height) = slot.size.unwrap_or_default();
        let unix_ms = |time: SystemTime| {
            let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            time.as_millis().try_into().unwrap_or(u64::MAX)
        };
        SlotNotice {
            slot: &slot.mid,
            kind: match slot.kind {
                MediaKind::Video => "video",
                MediaKind::Audio => "audio",
            },
            // One that was removed has no name any more.
            stream: (slot.stream.map(|_| &*slot.stream_name)).filter(|name| !name.is_empty()),
            state: slot.state.map_or("none", StreamState::name),
            reason: slot.reason.as_deref().unwrap_or_default(),
            variant,
            detail: slot.quality.map(|quality| quality.detail.name()),
            width,
            height,
            clock: slot.clock.map(|(rtp, time)| SlotClock {
                rtp,
                unix_ms: unix_ms(time),
            }),
        }
    }
}

impl<'a> Notice<'a> {
    /// The messages that tell this of these slots: as few as keep to [`MAX_MESSAGE`].
    pub fn messages(slots: &'a [SlotNotice<'a>]) -> Vec<String> {
        if slots.is_empty() {
            return Vec::new();
        }
        let message = json(&Notice { slots });
        if message.len() <= MAX_MESSAGE || slots.len() == 1 {
            return vec![message];
        }
        let (first, second) = slots.split_at(slots.len() / 2);
        let mut messages = Notice::messages(first);
        messages.extend(Notice::messages(second));
        messages
    }
}

fn json(value: &impl Serialize) -> String {
    // Only maps with keys that are no text, and types that refuse to be written, fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<u64>, D::Error> {
    let id = Option::<u64>::deserialize(deserializer)?;
    check(id.is_none_or(|id| id <= MAX_ID), || {
        format!("an id is at most {MAX_ID}")
    })?;
    Ok(id)
}

fn slot_name<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    check((1..=MAX_SLOT_NAME).contains(&name.len()), || {
        format!("the name of a slot has 1 to {MAX_SLOT_NAME} bytes")
    })?;
    Ok(name)
}

fn stream_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Option<String>>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    let fits = |name: &String| (1..=MAX_STREAM_NAME).contains(&name.len());
    check(name.as_ref().is_none_or(fits), || {
        format!("the name of a stream has 1 to {MAX_STREAM_NAME} bytes; null is none")
    })?;
    Ok(Some(name))
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<u16>, D::Error> {
    let side = u16::deserialize(deserializer)?;
    check(side <= MAX_SIDE, || {
        format!("the width and height of a tile are 0 to {MAX_SIDE}")
    })?;
    Ok(Some(side))
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

fn check<E: serde::de::Error>(
    fits: bool,
    why: impl FnOnce() -> String,
) -> std::result::Result<(), E> {
    if fits { Ok(()) } else { Err(E::custom(why())) }
}

/// What is written as an object. What is derived would be read from an array as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Stops at the first slot too many.
fn slots<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<SlotRequest>, D::Error> {
    struct Slots;

    impl<'de> Visitor<'de> for Slots {
        type Value = Vec<SlotRequest>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an array of slots")
        }

        fn visit_seq<A: SeqAccess<'de>>(
            self,
            mut all: A,
        ) -> std::result::Result<Self::Value, A::Error> {
            let mut slots = Vec::new();
            while let Some(Object(slot)) = all.next_element()? {
                check(slots.len() < MAX_SLOTS, || {
                    format!("a request names at most {MAX_SLOTS} slots")
                })?;
                slots.push(slot);
            }
            Ok(slots)
        }
    }

    deserializer.deserialize_seq(Slots)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slot(name: &str) -> SlotRequest {
        SlotRequest {
            slot: name.to_owned(),
            stream: None,
            width: None,
            height: None,
            focus: None,
            paused: None,
        }
    }

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_request_says_what_changes() {
        let text = r#"{"id":7,"later":[{}],"slots":[
            {"slot":"0","stream":"door"}, {"slot":"1","stream":null},
            {"slot":"2","width":640,"height":360,"focus":true}, {"slot":"3","paused":true,"x":1}]}"#;
        let expected = Request {
            id: Some(7),
            slots: vec![
                SlotRequest {
                    stream: Some(Some("door".to_owned())),
                    ..slot("0")
                },
                SlotRequest {
                    stream: Some(None),
                    ..slot("1")
                },
                SlotRequest {
                    width: Some(640),
                    height: Some(360),
                    focus: Some(true),
                    ..slot("2")
                },
                SlotRequest {
                    paused: Some(true),
                    ..slot("3")
                },
            ],
        };
        assert_eq!(Request::parse(text.as_bytes()), Ok(expected));
        let nothing = Request::parse(br#"{"slots":[]}"#).unwrap();
        assert_eq!((nothing.id, nothing.slots.len()), (None, 0));
    }

    #[test]
    fn what_is_no_request_is_refused_with_a_sentence() {
        let long = |n: usize| "m".repeat(n);
        let cases = [
            (String::new(), "EOF"),
            ("{}".to_owned(), "missing field `slots`"),
            ("[7,[]]".to_owned(), "expected an object"),
            ("null".to_owned(), "expected an object"),
            (
                r#"{"slots":[["0","door",0,0,true,true]]}"#.to_owned(),
                "expected an object",
            ),
            (r#"{"slots":[]} x"#.to_owned(), "trailing"),
            (r#"{"slots":{}}"#.to_owned(), "an array of slots"),
            (r#"{"slots":[{}]}"#.to_owned(), "missing field `slot`"),
            (r#"{"slots":[{"slot":""}]}"#.to_owned(), "1 to 64 bytes"),
            (r#"{"slots":[{"slot":0}]}"#.to_owned(), "expected a string"),
            (
                r#"{"slots":[{"slot":"0","slot":"1"}]}"#.to_owned(),
                "duplicate",
            ),
            (
                r#"{"slots":[{"slot":"0","stream":""}]}"#.to_owned(),
                "1 to 128 bytes",
            ),
            (
                r#"{"slots":[{"slot":"0","stream":7}]}"#.to_owned(),
                "expected a string",
            ),
            (
                r#"{"slots":[{"slot":"0","width":16385}]}"#.to_owned(),
                "0 to 16384",
            ),
            (
                r#"{"slots":[{"slot":"0","width":-1}]}"#.to_owned(),
                "expected u16",
            ),
            (
                r#"{"slots":[{"slot":"0","focus":null}]}"#.to_owned(),
                "expected a boolean",
            ),
            (
                r#"{"id":9007199254740993,"slots":[]}"#.to_owned(),
                "at most 9007199254740992",
            ),
            (r#"{"id":"7","slots":[]}"#.to_owned(), "expected u64"),
            (
                format!(r#"{{"slots":[{{"slot":"{}"}}]}}"#, long(65)),
                "1 to 64 bytes",
            ),
            (
                format!(r#"{{"slots":[{{"slot":"0","stream":"{}"}}]}}"#, long(129)),
                "1 to 128 bytes",
            ),
            (
                format!(
                    r#"{{"slots":[{}{{"slot":"0"}}]}}"#,
                    r#"{"slot":"0"},"#.repeat(256)
                ),
                "at most 256 slots",
            ),
            (format!(r#"{{"x":{}"#, "[".repeat(60_000)), "EOF"),
        ];
        for (text, why) in cases {
            let error = Request::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            let shown = &text[..text.len().min(100)];
            assert!(
                error.message().contains(why),
                "{shown}: {}",
                error.message()
            );
        }
        assert!(Request::parse(b"{\"slots\":[],\"x\":\"\xff\"}").is_err());
        let error = Request::parse(&vec![b' '; MAX_MESSAGE + 1]).unwrap_err();
        assert_eq!(error.status(), Status::TooLarge);
        let most = format!(
            r#"{{"slots":[{}{{"slot":"0"}}]}}"#,
            r#"{"slot":"0"},"#.repeat(255)
        );
        assert_eq!(Request::parse(most.as_bytes()).unwrap().slots.len(), 256);
    }

    #[test]
    fn what_was_unreadable_is_said_with_its_number() {
        let answer = |text: &str| {
            let error = Request::parse(text.as_bytes()).unwrap_err();
            read(&unreadable(text.as_bytes(), &error))
        };
        let wrong = answer(r#"{"id":7,"slots":[{"slot":0}]}"#);
        assert_eq!((&wrong["id"], &wrong["status"]), (&json!(7), &json!(400)));
        assert_eq!(wrong["title"], "Bad Request");
        assert_eq!(answer("{")["id"], Value::Null);
        let large = answer(&" ".repeat(MAX_MESSAGE + 1));
        assert_eq!(
            (&large["id"], &large["status"]),
            (&Value::Null, &json!(413))
        );
        // What is quoted of a message is short.
        let unknown = answer(&format!(r#"{{"id":1,"slots":"{}"}}"#, "€".repeat(20_000)));
        assert_eq!(unknown["id"], 1);
        assert!(unknown["detail"].as_str().unwrap().len() < 500);
    }

    #[test]
    fn each_slot_of_a_reply_succeeds_or_fails_alone() {
        let decision = |slot: &str, result| Decision {
            slot: slot.to_owned(),
            result,
        };
        let missing = Error::new(Status::NotFound, "there is no slot 9");
        let reply = Reply {
            id: Some(7),
            slots: vec![
                decision("0", Ok(Some("door".to_owned()))),
                decision("1", Ok(None)),
                decision("9", Err(Refusal::from(&missing))),
            ],
        };
        let expected = json!({"id": 7, "slots": [
            {"slot": "0", "stream": "door"},
            {"slot": "1", "stream": null},
            {"slot": "9", "status": 404, "title": "Not Found", "detail": "there is no slot 9"},
        ]});
        assert_eq!(read(&reply.json()), expected);
    }

    #[test]
    fn notices_are_cut_where_they_would_be_too_large() {
        let reason = "r".repeat(1000);
        let of = |slot: &'static str| SlotNotice {
            slot,
            kind: "video",
            stream: Some("door"),
            state: "live",
            reason: &reason,
            variant: Some("door-sub"),
            detail: Some("all_frames"),
            width: 704,
            height: 576,
            clock: None,
        };
        let timed = SlotNotice {
            reason: "",
            clock: Some(SlotClock {
                rtp: 123,
                unix_ms: 1_764_212_345_678,
            }),
            ..of("0")
        };
        let expected = json!({"slots": [{
            "slot": "0", "kind": "video", "stream": "door", "state": "live", "reason": "",
            "variant": "door-sub", "detail": "all_frames", "width": 704, "height": 576,
            "rtp": 123, "unix_ms": 1_764_212_345_678_u64,
        }]});
        let messages = Notice::messages(std::slice::from_ref(&timed));
        assert_eq!(messages.len(), 1);
        assert_eq!(read(&messages[0]), expected);
        assert_eq!(Notice::messages(&[]).len(), 0);
        let many = vec![of("1"); 128];
        let messages = Notice::messages(&many);
        let slots = |message: &String| read(message)["slots"].as_array().unwrap().len();
        assert!(messages.iter().all(|message| message.len() <= MAX_MESSAGE));
        assert_eq!(messages.iter().map(slots).sum::<usize>(), 128);
    }
}
