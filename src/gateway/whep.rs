//! PATCH and DELETE of sessions.

use super::Handle;
use crate::error::{Error, Result, Status};
use crate::sdp::fragment::Fragment;
use crate::sdp::offer::Offer;
use crate::whep::Response;
use crate::worker::{AnswerRequest, Command, PatchRequest};

impl Handle {
    /// Answers a PATCH with an `application/trickle-ice-sdpfrag` (RFC 9725 section 4.3): 204 after
    /// candidates; 200 with new credentials and a new ETag after an ICE restart, which is a fragment with
    /// a new ufrag and a new password.
    ///
    /// `if_match` is the header of the request: the ETag, or `*` for a restart. Candidates are checked
    /// for their syntax and then ignored: the gateway is ICE-lite and sends to where checks come from.
    /// After a restart DTLS and media continue, and the old credentials stay valid until the viewer
    /// nominates a pair with the new ones.
    ///
    /// Fails with `NotFound` for the session; with `PreconditionRequired` without `if_match`; with `Etag`
    /// if it is not the current ETag; with `Sdp`, `IceCredentials`, `TooLarge` and `Unprocessable` for
    /// the fragment. The session is unchanged then.
    pub fn handle_whep_patch(
        &self,
        session_key: &str,
        if_match: Option<&str>,
        fragment: &[u8],
    ) -> Result<Response> {
        self.check_open()?;
        let (session, place) = self.shared.registry.find_session(session_key)?;
        let Some(if_match) = if_match else {
            return Err(Error::new(
                Status::PreconditionRequired,
                "a PATCH must have the header If-Match: send the ETag of the session, or * to restart ICE",
            ));
        };
        let request = Box::new(PatchRequest {
            session,
            row: place.row,
            key: session_key.to_owned(),
            if_match: if_match.to_owned(),
            fragment: Fragment::parse(fragment)?,
        });
        self.ask(place.worker, |reply| Command::Patch(request, reply))?
    }

    /// Takes the viewer's answer to an offer of ours (PATCH with `application/sdp`): 204. Fails as
    /// [`Handle::handle_whep_offer`] does for an offer, and with `Unprocessable` if none is waited for.
    pub(super) fn take_answer(&self, session_key: &str, sdp: &[u8]) -> Result<Response> {
        self.check_open()?;
        let (session, place) = self.shared.registry.find_session(session_key)?;
        let request = Box::new(AnswerRequest {
            session,
            row: place.row,
            key: session_key.to_owned(),
            answer: Offer::parse(sdp)?,
        });
        self.ask(place.worker, |reply| Command::Answer(request, reply))?
    }

    /// Ends a session (DELETE) by its key. `Closed` is its last event. Fails with `NotFound`.
    pub fn handle_whep_delete(&self, session_key: &str) -> Result<()> {
        self.check_open()?;
        let (session, place) = self.shared.registry.find_session(session_key)?;
        self.close(session, place)
    }
}
