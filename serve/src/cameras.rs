//! The cameras of a gateway that runs: brought from what they are to what they are to be, without a word to those
//! that stay as they are.

use rtsp_webrtc_gateway::error::Result;
use rtsp_webrtc_gateway::gateway::Handle;

use crate::config::Camera;

/// What is done, for people.
#[derive(Default)]
pub struct Changes {
    pub added: Vec<String>,
    pub updated: Vec<String>,
    pub removed: Vec<String>,
    /// Sentences.
    pub failed: Vec<String>,
    /// The cameras as they are now.
    pub in_place: Vec<Camera>,
}

/// Brings the gateway from `before` to `after`.
pub fn apply(gateway: &Handle, before: &[Camera], after: &[Camera]) -> Changes {
    let mut changes = Changes::default();
    for camera in before {
        if named(after, &camera.name).is_none() {
            let removed = gateway
                .find_stream(&camera.name)
                .and_then(|id| gateway.remove_stream(id));
            if !changes.note(camera, removed, |changes| &mut changes.removed) {
                changes.in_place.push(camera.clone());
            }
        }
    }
    for camera in after {
        let old = named(before, &camera.name);
        let is_done = match old {
            None => {
                let added = gateway.add_stream(&camera.name, camera.pull()).map(|_| ());
                changes.note(camera, added, |changes| &mut changes.added)
            }
            Some(old) if !is_same_source(old, camera) => {
                let updated = gateway
                    .find_stream(&camera.name)
                    .and_then(|id| gateway.update_stream(id, camera.pull()));
                changes.note(camera, updated, |changes| &mut changes.updated)
            }
            Some(_) => true,
        };
        let source = if is_done { Some(camera) } else { old };
        changes.in_place.extend(source.map(|source| Camera {
            variants: old.map_or_else(Vec::new, |old| old.variants.clone()),
            whip: old.map_or_else(Vec::new, |old| old.whip.clone()),
            ..source.clone()
        }));
    }
    for camera in after {
        let old = named(before, &camera.name);
        send(gateway, old, camera, &mut changes);
    }
    for camera in after {
        let old = named(before, &camera.name);
        let had = old.map_or(&[][..], |old| &old.variants);
        // A stream that was removed is a variant of none, even if another has its name now.
        let is_new = |name: &String| changes.added.contains(name);
        if had != camera.variants || camera.variants.iter().any(is_new) {
            let set = set_variants(gateway, camera);
            let is_told = old.is_none() || changes.updated.contains(&camera.name);
            let is_set = match set {
                Ok(()) if is_told => true,
                set => changes.note(camera, set, |changes| &mut changes.updated),
            };
            let mut in_place = changes.in_place.iter_mut();
            if is_set && let Some(now) = in_place.find(|now| now.name == camera.name) {
                now.variants.clone_from(&camera.variants);
            }
        }
    }
    changes
}

/// Sends a camera to the media servers that it is to be sent to, and to no others. What stays goes on.
fn send(gateway: &Handle, old: Option<&Camera>, camera: &Camera, changes: &mut Changes) {
    let had = old.map_or(&[][..], |old| &old.whip);
    let mut in_place = changes.in_place.iter().map(|now| &now.name);
    if had == camera.whip || in_place.all(|name| *name != camera.name) {
        return;
    }
    let mut kept = Vec::new();
    let done = gateway.find_stream(&camera.name).and_then(|stream| {
        // They are listed in the order in which they were added.
        for (id, destination) in gateway.outputs(stream)?.into_iter().zip(had) {
            match camera.whip.contains(destination) {
                true => kept.push(destination.clone()),
                false => gateway.remove_output(id)?,
            }
        }
        for destination in &camera.whip {
            if !kept.contains(destination) {
                gateway.add_output(stream, &destination.output())?;
                kept.push(destination.clone());
            }
        }
        Ok(())
    });
    let is_told = old.is_none() || changes.updated.contains(&camera.name);
    if done.is_err() || !is_told {
        changes.note(camera, done, |changes| &mut changes.updated);
    }
    let mut in_place = changes.in_place.iter_mut();
    if let Some(now) = in_place.find(|now| now.name == camera.name) {
        now.whip = kept;
    }
}

/// Gives a camera its variants, which have been added.
pub fn set_variants(gateway: &Handle, camera: &Camera) -> Result<()> {
    let variants = camera.variants.iter().map(|name| gateway.find_stream(name));
    let variants = variants.collect::<Result<Vec<_>>>()?;
    gateway.set_variants(gateway.find_stream(&camera.name)?, &variants)
}

/// Which camera a sentence is about.
pub fn place(camera: &Camera) -> String {
    format!("camera {}: ", camera.name)
}

fn named<'a>(cameras: &'a [Camera], name: &str) -> Option<&'a Camera> {
    cameras.iter().find(|camera| camera.name == name)
}

fn is_same_source(one: &Camera, other: &Camera) -> bool {
    let one = Camera {
        variants: other.variants.clone(),
        whip: other.whip.clone(),
        ..one.clone()
    };
    one == *other
}

impl Changes {
    /// True if it is done.
    fn note(
        &mut self,
        camera: &Camera,
        done: Result<()>,
        list: impl FnOnce(&mut Changes) -> &mut Vec<String>,
    ) -> bool {
        match &done {
            Ok(()) => list(self).push(camera.name.clone()),
            Err(error) => self
                .failed
                .push(format!("{}{}", place(camera), error.message())),
        }
        done.is_ok()
    }

    /// In words; empty if there are none.
    pub fn words(&self) -> Vec<String> {
        let lists = [
            ("added", &self.added),
            ("changed", &self.updated),
            ("removed", &self.removed),
        ];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        lists
            .map(|(what, names)| format!("cameras {what}: {}", names.join(", ")))
            .collect()
    }
}
