//! What a wall shows at first, in the query of its POST: `?slots=door,yard,,gate&sound=door`.

use std::collections::{BTreeSet, HashMap};

use percent_encoding::percent_decode_str;

use crate::sdp::offer::MAX_WALL_VIDEO;
use crate::wall::{Decision, Refusal};

/// Names of streams for the slots of a wall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedSlots {
    /// For the video sections of the offer, in its order. `None`: bound to none.
    pub video: Vec<Option<String>>,
    /// For the first audio section.
    pub sound: Option<String>,
    /// Why some of these streams may not be shown, by their names: who asks for permission finds out.
    pub refused: HashMap<String, Refusal>,
}

impl AskedSlots {
    /// Reads the query of a URL; other parameters are the host's. An error is a sentence for the viewer.
    pub fn read(url: &str) -> Result<AskedSlots, String> {
        let url = url.split('#').next().unwrap_or_default();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let mut slots = None;
        let mut sound = None;
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let place = match name {
                "slots" => &mut slots,
                "sound" => &mut sound,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(format!("{name} is given twice: give it once"));
            }
        }
        let slots = slots.filter(|slots| !slots.is_empty());
        let video: Vec<_> = slots
            .into_iter()
            .flat_map(|slots| slots.split(','))
            .collect();
        if video.len() > MAX_WALL_VIDEO {
            return Err(format!(
                "slots names {} streams: a wall has at most {MAX_WALL_VIDEO} slots for video",
                video.len()
            ));
        }
        Ok(AskedSlots {
            video: video.into_iter().map(stream).collect(),
            sound: sound.and_then(stream),
            refused: HashMap::new(),
        })
    }

    /// The names, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let all = self.video.iter().chain(std::iter::once(&self.sound));
        let names: BTreeSet<&str> = all.flatten().map(String::as_str).collect();
        names.into_iter()
    }
}

/// Beyond this, `Refused-Slots` has no details: proxies take heads of 4 KiB. In bytes.
const MAX_DETAILS: usize = 2048;

/// The value of the header that names the slots of a new wall which do not show what was asked for, and why:
/// a list of strings with parameters (RFC 9651), which have no characters beyond ASCII. `None` without any.
pub(crate) fn refused_slots(decisions: &[Decision]) -> Option<String> {
    let text = |text: &str| {
        let plain = text.chars().map(|c| match c {
            ' '..='~' => c,
            _ => '?',
        });
        let plain: String = plain.collect();
        plain.replace('\\', "\\\\").replace('"', "\\\"")
    };
    let list = |with_details: bool| {
        let refused = decisions.iter().filter_map(|decision| {
            let Refusal { status, detail } = decision.result.as_ref().err()?;
            let slot = text(&decision.slot);
            Some(match with_details {
                true => format!("\"{slot}\";status={status};detail=\"{}\"", text(detail)),
                false => format!("\"{slot}\";status={status}"),
            })
        });
        refused.collect::<Vec<String>>().join(", ")
    };
    let whole = list(true);
    match whole.len() {
        0 => None,
        1..=MAX_DETAILS => Some(whole),
        _ => Some(list(false)),
    }
}

/// A name as URLs have it; a comma in it is %2C.
fn stream(encoded: &str) -> Option<String> {
    let name = percent_decode_str(encoded).decode_utf8_lossy();
    (!name.is_empty()).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_query() {
        for (url, video, sound) in [
            ("/wall", &[][..], None),
            ("/wall?slots=&sound=", &[], None),
            ("/wall?slots=door", &[Some("door")], None),
            (
                "/wall?x=1&slots=door,yard,,gate&sound=door#slots=x",
                &[Some("door"), Some("yard"), None, Some("gate")],
                Some("door"),
            ),
            (
                "/wall?slots=a%2Cb,t%C3%BCr,%ff",
                &[Some("a,b"), Some("tür"), Some("\u{fffd}")],
                None,
            ),
        ] {
            let slots = AskedSlots::read(url).unwrap();
            let found: Vec<_> = slots.video.iter().map(Option::as_deref).collect();
            assert_eq!((&*found, slots.sound.as_deref()), (video, sound), "{url}");
        }
        let twice = AskedSlots::read("/wall?slots=b,a,b&sound=a").unwrap();
        assert_eq!(twice.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn slots_that_were_refused_are_a_structured_field() {
        let decision = |slot: &str, result| Decision {
            slot: slot.to_owned(),
            result,
        };
        let refusal = |status, detail: &str| {
            Err(Refusal {
                status,
                detail: detail.to_owned(),
            })
        };
        let bound = decision("0", Ok(Some("door".to_owned())));
        assert_eq!(refused_slots(std::slice::from_ref(&bound)), None);
        let all = [
            bound,
            decision("1", refusal(404, "no \"t\u{fc}r\"\r\nX: y")),
            decision("a\\b", refusal(403, "no")),
        ];
        assert_eq!(
            refused_slots(&all).unwrap(),
            r#""1";status=404;detail="no \"t?r\"??X: y", "a\\b";status=403;detail="no""#
        );
        let many: Vec<Decision> = (0..128)
            .map(|slot| decision(&slot.to_string(), refusal(403, "not for you")))
            .collect();
        let short = refused_slots(&many).unwrap();
        assert!(short.starts_with("\"0\";status=403, \"1\";status=403") && short.len() < 3000);
    }

    #[test]
    fn what_names_too_much_is_refused() {
        let many = format!("/wall?slots={}", "a,".repeat(128));
        assert!(AskedSlots::read(&many).unwrap_err().contains("129 streams"));
        assert!(AskedSlots::read("/wall?slots=a&slots=b").is_err());
        assert!(AskedSlots::read("/wall?sound=a&sound=b").is_err());
    }
}
