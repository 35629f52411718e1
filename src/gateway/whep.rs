//! PATCH and DELETE: what viewers change of their sessions.

use super::Handle;
use crate::error::{Error, Result, Status};
use crate::sdp::fragment::Fragment;
use crate::whep::Response;
use crate::worker::{Command, PatchRequest};

impl Handle {
    /// Answers a PATCH with an `application/trickle-ice-sdpfrag` (RFC 9725 section 4.3): 204 to
    /// candidates, 200 with new credentials and a new ETag to an ICE restart, that is, to a
    /// fragment with an ufrag and a password that are not those of the viewer's ICE session.
    ///
    /// `if_match` is the header of the request: the ETag, or `*` for a restart. Candidates are not
    /// used: the gateway answers to where checks come from. A restart breaks nothing: DTLS and media
    /// go on, and the old credentials are valid until the viewer nominates with the new ones.
    ///
    /// Fails with `PreconditionRequired` without `if_match`, `Etag` if it names another ICE
    /// session, `Sdp`, `IceCredentials`, `TooLarge` and `Unprocessable` for the fragment. The
    /// session goes on as it was then.
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
            slot: place.slot,
            key: session_key.to_owned(),
            if_match: if_match.to_owned(),
            fragment: Fragment::parse(fragment)?,
        });
        self.ask(place.worker, |reply| Command::Patch(request, reply))?
    }

    /// Ends a session (DELETE) by its key.
    pub fn handle_whep_delete(&self, session_key: &str) -> Result<()> {
        self.check_open()?;
        let (session, place) = self.shared.registry.find_session(session_key)?;
        self.close(session, place)
    }
}
