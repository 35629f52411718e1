//! Applies PATCH requests: candidates and ICE restarts.

use std::time::Instant;

use super::core::Core;
use super::local_ice::{LocalCandidates, credentials, etag};
use crate::error::{Error, Result, Status};
use crate::sdp::answer;
use crate::whep::Response;
use crate::whep::etag::if_match;
use crate::worker::command::PatchRequest;
use crate::worker::registry::SessionLocation;

impl Core {
    pub(super) fn patch(&mut self, request: &PatchRequest, now: Instant) -> Result<Response> {
        let context = &self.context;
        let viewer = self.viewers.find(request.row, request.session)?;
        if !if_match(&request.if_match, &etag(&viewer.session)) {
            return Err(Error::new(
                Status::Etag,
                "If-Match is not the ETag of the current ICE session: send the ETag of the last 201 \
                 or 200 response, or restart ICE with If-Match: *",
            ));
        }
        let location = SessionLocation {
            worker: context.index,
            row: request.row,
        };
        if let Some(own) = &context.allocation {
            let peer = viewer.identity.peer.as_deref();
            own.permit(location, peer, request.fragment.candidates.iter().copied());
        }
        let (_, known) = viewer.session.ice_credentials();
        let Some(remote) = request.fragment.restart(known)? else {
            return Ok(Response::no_content(
                viewer.id,
                request.key.clone(),
                etag(&viewer.session),
            ));
        };
        let local = credentials(location)?;
        let body = answer::restart_fragment(
            &viewer.section,
            &local,
            &LocalCandidates::new(context, now).get(),
        );
        viewer.session.restart_ice(local, remote.clone());
        Ok(Response::restarted(
            body,
            viewer.id,
            request.key.clone(),
            etag(&viewer.session),
        ))
    }
}
