//! A camera's responses to the requests of one connection (RFC 2326).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtsp_types::headers::rtp_info::v1::RtpInfo;
use rtsp_types::headers::{
    AUTHORIZATION, CONTENT_BASE, CONTENT_TYPE, CSEQ, Public, RtpInfos, SESSION,
    Session as SessionHeader, Transports, WWW_AUTHENTICATE,
};
use rtsp_types::{Method, Request, Response, ResponseBuilder, StatusCode, Url, Version};

use super::faults::Camera;
use super::playback::{Media, Playback, Track};
use super::rtp::RtpStream;
use super::sdp::control;
use super::transport::Path;

/// Announced, so that clients keep the session alive; not enforced.
const TIMEOUT_SECONDS: u64 = 60;

pub(super) struct Session {
    camera: Arc<Camera>,
    /// Connections to the camera so far, this one included.
    connection: u64,
    local: IpAddr,
    peer: IpAddr,
    id: String,
    nonce: String,
    pub playback: Playback,
}

impl Session {
    /// The session of the `connection`th client, at `peer`, which reached the camera at `local`.
    pub fn new(camera: Arc<Camera>, connection: u64, local: IpAddr, peer: IpAddr) -> Session {
        Session {
            playback: Playback::new(camera.clone(), connection),
            connection,
            camera,
            local,
            peer,
            id: format!("{:016x}", fastrand::u64(..)),
            nonce: format!("{:032x}", fastrand::u128(..)),
        }
    }

    pub async fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match self.dispatch(request).await {
            Ok((response, body)) => response.build(body),
            Err(status) => respond(request, status).build(Vec::new()),
        }
    }

    async fn dispatch(
        &mut self,
        request: &Request<Vec<u8>>,
    ) -> Result<(ResponseBuilder, Vec<u8>), StatusCode> {
        let ok = respond(request, StatusCode::Ok);
        if request.method() == Method::Options {
            return Ok((ok.typed_header(&public()), Vec::new()));
        }
        if let Some(challenge) = self.challenge(request) {
            let response = respond(request, StatusCode::Unauthorized);
            let response = response.header(WWW_AUTHENTICATE, challenge);
            return Ok((response, Vec::new()));
        }
        let claimed = request
            .header(&SESSION)
            .map(rtsp_types::HeaderValue::as_str);
        if claimed.is_some_and(|id| id.split(';').next() != Some(&self.id)) {
            return Err(StatusCode::SessionNotFound);
        }
        let uri = request.request_uri().ok_or(StatusCode::BadRequest)?;
        let session = SessionHeader::with_timeout(self.id.clone(), TIMEOUT_SECONDS);
        match request.method() {
            Method::Describe => {
                let response = ok
                    .header(CONTENT_TYPE, "application/sdp")
                    .header(CONTENT_BASE, self.base(uri).as_str());
                let config = &self.camera.config;
                Ok((response, config.script.describe(config.sdp())))
            }
            Method::Setup => {
                let transports = self.set_up(request, uri).await?;
                let response = ok.typed_header(&session).typed_header(&transports);
                Ok((response, Vec::new()))
            }
            Method::Play => {
                let infos = self.play(uri)?;
                let response = ok.typed_header(&session).typed_header(&infos);
                Ok((response, Vec::new()))
            }
            Method::GetParameter | Method::SetParameter => {
                Ok((ok.typed_header(&session), Vec::new()))
            }
            Method::Teardown => {
                self.playback = Playback::new(self.camera.clone(), self.connection);
                let teardowns = &self.camera.counters.teardowns;
                teardowns.fetch_add(1, Ordering::Relaxed);
                Ok((ok, Vec::new()))
            }
            _ => Err(StatusCode::NotImplemented),
        }
    }

    fn challenge(&self, request: &Request<Vec<u8>>) -> Option<String> {
        let auth = &self.camera.config.auth;
        let authorization = request
            .header(&AUTHORIZATION)
            .map(rtsp_types::HeaderValue::as_str);
        if auth.admits(
            &self.nonce,
            request.method().into(),
            request.request_uri(),
            authorization,
        ) {
            return None;
        }
        auth.challenge(&self.nonce)
    }

    async fn set_up(
        &mut self,
        request: &Request<Vec<u8>>,
        uri: &Url,
    ) -> Result<Transports, StatusCode> {
        if self.playback.is_playing() {
            return Err(StatusCode::MethodNotValidInThisState);
        }
        let index = (0..self.camera.config.tracks())
            .find(|index| uri.path().ends_with(&control(*index)))
            .ok_or(StatusCode::NotFound)?;
        let media = Media::of_track(&self.camera, index).ok_or(StatusCode::NotFound)?;
        let offered = request
            .typed_header::<Transports>()
            .ok()
            .flatten()
            .ok_or(StatusCode::BadRequest)?;
        let stream = RtpStream::new(media.payload_type());
        let (path, transports) = Path::negotiate(
            &offered,
            index,
            self.camera.config.udp,
            self.local,
            self.peer,
            stream.ssrc,
        )
        .await
        .ok_or(StatusCode::UnsupportedTransport)?;
        self.playback.set_up(Track::new(index, media, stream, path));
        Ok(transports)
    }

    fn play(&mut self, uri: &Url) -> Result<RtpInfos, StatusCode> {
        if self.playback.tracks().is_empty() || self.playback.is_playing() {
            return Err(StatusCode::MethodNotValidInThisState);
        }
        let infos = self
            .playback
            .tracks()
            .iter()
            .map(|track| {
                let mut uri = self.base(uri);
                uri.set_path(&format!("{}{}", uri.path(), control(track.index)));
                RtpInfo {
                    uri,
                    seq: Some(track.stream.sequence),
                    rtptime: Some(track.timestamp),
                }
            })
            .collect();
        self.playback.start();
        Ok(RtpInfos::V1(infos))
    }

    /// The URL of the presentation, on the host that the client asked.
    fn base(&self, uri: &Url) -> Url {
        let mut base = uri.clone();
        base.set_path(&format!("/{}/", self.camera.config.name));
        base.set_query(None);
        base.set_fragment(None);
        base
    }
}

/// The start of a response to `request`.
pub(super) fn respond(request: &Request<Vec<u8>>, status: StatusCode) -> ResponseBuilder {
    let response = Response::builder(Version::V1_0, status);
    match request.header(&CSEQ) {
        Some(cseq) => response.header(CSEQ, cseq.clone()),
        None => response,
    }
}

/// The methods that OPTIONS names.
pub(super) fn public() -> Public {
    [
        Method::Options,
        Method::Describe,
        Method::Setup,
        Method::Play,
        Method::GetParameter,
        Method::SetParameter,
        Method::Teardown,
    ]
    .into_iter()
    .fold(
        Public::builder(),
        rtsp_types::headers::public::PublicBuilder::method,
    )
    .build()
}
