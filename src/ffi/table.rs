//! What the host holds: objects of the library, looked up before they are used.
//!
//! A pointer of the host may be of an object that is gone, or of none. It is a key here, and nothing
//! behind it is read unless the key is found, so that misuse gives an error instead of undefined
//! behavior. An object that is in use lives until that call returns, whoever frees it meanwhile.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Objects of one kind, by the addresses that the host has.
pub(super) struct Table<T>(AtomicPtr<Objects<T>>);

struct Objects<T> {
    /// The process that made them. A forked child has neither their threads nor, perhaps, the lock,
    /// which is one of std: `parking_lot` has state that is the whole process's.
    process: u32,
    by_address: RwLock<ByAddress<T>>,
}

type ByAddress<T> = HashMap<usize, Hidden<T>>;

/// An object whose address leak checkers do not recognize: to them, what the host forgets to free must be
/// lost, although it is in a table.
struct Hidden<T>(usize, PhantomData<Arc<T>>);

impl<T> Hidden<T> {
    fn new(object: Arc<T>) -> Self {
        Hidden(!Arc::into_raw(object).expose_provenance(), PhantomData)
    }

    fn pointer(&self) -> *const T {
        ptr::with_exposed_provenance(!self.0)
    }

    fn get(&self) -> Arc<T> {
        // SAFETY: the pointer is of `into_raw`, and what it counts for is taken back with `self`.
        unsafe {
            Arc::increment_strong_count(self.pointer());
            Arc::from_raw(self.pointer())
        }
    }

    fn into_inner(self) -> Arc<T> {
        // SAFETY: the pointer is of `into_raw`, and `self` ends here.
        unsafe { Arc::from_raw(self.pointer()) }
    }
}

impl<T> Objects<T> {
    // Nothing panics while it is held.
    fn read(&self) -> RwLockReadGuard<'_, ByAddress<T>> {
        self.by_address
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, ByAddress<T>> {
        self.by_address
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync> Table<T> {
    /// No objects.
    pub(super) const fn new() -> Self {
        Table(AtomicPtr::new(ptr::null_mut()))
    }

    /// Hands out an object under this address, which no other one has.
    pub(super) fn insert(&self, address: usize, object: Arc<T>) {
        let objects = self.of_this_process().unwrap_or_else(|| self.begin());
        objects.write().insert(address, Hidden::new(object));
    }

    /// The object, if the host has it.
    pub(super) fn find(&self, address: usize) -> Option<Arc<T>> {
        let objects = self.of_this_process()?.read();
        objects.get(&address).map(Hidden::get)
    }

    /// Takes the object back.
    pub(super) fn remove(&self, address: usize) -> Option<Arc<T>> {
        let removed = self.of_this_process()?.write().remove(&address);
        removed.map(Hidden::into_inner)
    }

    /// Whether this is a forked child, and the objects are its parent's.
    pub(super) fn is_parents(&self) -> bool {
        !self.0.load(Ordering::Acquire).is_null() && self.of_this_process().is_none()
    }

    fn of_this_process(&self) -> Option<&Objects<T>> {
        // SAFETY: NULL, or made by `begin`, which never frees what it has published.
        let objects = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        (objects.process == process::id()).then_some(objects)
    }

    fn begin(&self) -> &Objects<T> {
        let new = Box::into_raw(Box::new(Objects {
            process: process::id(),
            by_address: RwLock::default(),
        }));
        loop {
            let old = self.0.load(Ordering::Acquire);
            if let Some(objects) = self.of_this_process() {
                // Another thread was first.
                // SAFETY: made above, and published nowhere.
                drop(unsafe { Box::from_raw(new) });
                return objects;
            }
            // What the parent had is left to it.
            let swapped = self
                .0
                .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
            if swapped.is_ok() {
                // SAFETY: made above, and now published: it is never freed.
                return unsafe { &*new };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_until_they_are_taken_back() {
        let table = Table::new();
        assert!(table.find(1).is_none() && table.remove(1).is_none());
        table.insert(1, Arc::new("one"));
        table.insert(2, Arc::new("two"));
        let held = table.find(1).unwrap();
        assert_eq!(table.remove(1).as_deref(), Some(&"one"));
        assert!(table.find(1).is_none() && table.remove(1).is_none());
        assert_eq!(*held, "one", "it lives as long as it is used");
        assert_eq!(table.find(2).as_deref(), Some(&"two"));
        assert!(!table.is_parents());
    }

    #[test]
    fn threads_that_begin_a_table_share_it() {
        for _ in 0..100 {
            let table = Table::new();
            std::thread::scope(|scope| {
                for address in 1..=4 {
                    let table = &table;
                    scope.spawn(move || table.insert(address, Arc::new(address)));
                }
            });
            assert!((1..=4).all(|address| table.remove(address).is_some()));
        }
    }
}
