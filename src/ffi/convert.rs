//! Pointers, strings and sized structs: checked on the way in and on the way out.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::{MaybeUninit, size_of};
use std::{ptr, slice};

use crate::error::{Error, Result, Status};

/// No struct of any version is larger: a larger `struct_size` was never set.
const MAX_STRUCT: usize = 4096;
/// No array that a host passes is longer.
const MAX_ARRAY: usize = 4096;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

pub(super) fn null(name: &str) -> Error {
    invalid(format!("{name} is NULL"))
}

/// What is reserved must be 0, so that it can get a meaning later.
pub(super) fn unset(reserved: u32) -> Result<()> {
    match reserved {
        0 => Ok(()),
        _ => Err(invalid(
            "a reserved field is not 0: initialize the struct with RTSP_WEBRTC_GATEWAY_INIT()",
        )),
    }
}

/// A required pointer to an output, which may be uninitialized.
///
/// # Safety
/// `pointer` is NULL, or aligned and writable for a `T`.
pub(super) unsafe fn output<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut MaybeUninit<T>> {
    // SAFETY: NULL or writable, by this function's contract; MaybeUninit asks for no value.
    unsafe { pointer.cast::<MaybeUninit<T>>().as_mut() }.ok_or_else(|| null(name))
}

/// A text that may be missing.
///
/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that stays unchanged for `'a`.
pub(super) unsafe fn optional_str<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and NUL-terminated by this function's contract.
    let text = unsafe { CStr::from_ptr(pointer) };
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(invalid(format!("{name} is not UTF-8"))),
    }
}

/// A required text.
///
/// # Safety
/// As for [`optional_str`].
pub(super) unsafe fn required_str<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the same contract.
    unsafe { optional_str(pointer, name) }?.ok_or_else(|| null(name))
}

/// A required text of a viewer, who may send anything: what is not UTF-8 becomes U+FFFD, which is in
/// no name and no key, so that nothing is found by it.
///
/// # Safety
/// As for [`optional_str`].
pub(super) unsafe fn viewers_str<'a>(pointer: *const c_char, name: &str) -> Result<Cow<'a, str>> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, and NUL-terminated by this function's contract.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_string_lossy())
}

/// Bytes of a body. NULL is fine for no bytes.
///
/// # Safety
/// `pointer` is NULL or points to `len` bytes that stay unchanged for `'a`.
pub(super) unsafe fn bytes<'a>(pointer: *const c_char, len: usize, name: &str) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if len > isize::MAX as usize {
        return Err(invalid(format!(
            "{name} has an impossible size: {len} bytes"
        )));
    }
    // SAFETY: not NULL, readable for `len` bytes by contract, and no larger than a slice may be.
    Ok(unsafe { slice::from_raw_parts(pointer.cast(), len) })
}

/// An array of options. NULL is fine for no elements.
///
/// # Safety
/// `pointer` is NULL or points to `len` aligned elements that stay unchanged for `'a`.
pub(super) unsafe fn array<'a, T>(pointer: *const T, len: usize, name: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    check_len(len, name)?;
    // SAFETY: not NULL, `len` elements by contract, and small enough for a slice.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// Copies an array of structs in. The elements lie as far apart as the caller's version has them.
///
/// # Safety
/// `pointer` is NULL, or points to `len` elements, each a `T` of the same version of the library,
/// this one or another.
pub(super) unsafe fn read_array<T: SizedStruct>(
    pointer: *const T,
    len: usize,
    name: &str,
) -> Result<Vec<T>> {
    if len == 0 {
        return Ok(Vec::new());
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    check_len(len, name)?;
    // SAFETY: every version starts with struct_size.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check_size(size, T::NAME)?;
    let read = |i: usize| {
        // SAFETY: elements before this one have `size` bytes each, so this one starts here.
        let (element, own_size) = unsafe {
            let element = pointer.byte_add(i * size);
            (element, element.cast::<usize>().read_unaligned())
        };
        if own_size != size {
            return Err(Error::new(
                Status::StructSize,
                format!(
                    "the elements of {name} differ in struct_size: initialize each element with \
                     RTSP_WEBRTC_GATEWAY_INIT"
                ),
            ));
        }
        // SAFETY: not NULL, and a struct of some version by this function's contract.
        unsafe { read_struct(element) }
    };
    (0..len).map(read).collect()
}

fn check_len(len: usize, name: &str) -> Result<()> {
    if len > MAX_ARRAY {
        return Err(invalid(format!(
            "{name} has {len} elements; the maximum is {MAX_ARRAY}"
        )));
    }
    Ok(())
}

/// A struct of the header that starts with its size.
///
/// # Safety
/// It is `repr(C)`, its first field is `struct_size: usize`, and zero bytes are a value of it.
pub(super) unsafe trait SizedStruct: Sized {
    /// Its name in error messages.
    const NAME: &'static str;
}

fn check_size(size: usize, name: &str) -> Result<()> {
    // Fields are whole words or runs of words, so that any real version's size is one, too.
    if (size_of::<usize>()..=MAX_STRUCT).contains(&size) && size.is_multiple_of(size_of::<usize>())
    {
        return Ok(());
    }
    Err(Error::new(
        Status::StructSize,
        format!(
            "struct_size of {name} is {size}, which is not the size of any version of it: initialize \
             the struct with RTSP_WEBRTC_GATEWAY_INIT()"
        ),
    ))
}

/// Copies a struct in. A shorter one is an older version's: what it lacks is zero.
///
/// # Safety
/// `pointer` is NULL, or points to a `T` of this or of another version of the library.
pub(super) unsafe fn read_struct<T: SizedStruct>(pointer: *const T) -> Result<T> {
    if pointer.is_null() {
        return Err(null(T::NAME));
    }
    // SAFETY: every version starts with struct_size.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check_size(size, T::NAME)?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes are readable by contract; known + rest = size.
    let rest = unsafe { slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if rest.iter().any(|&byte| byte != 0) {
        return Err(Error::new(
            Status::StructSize,
            format!(
                "{} sets fields that this version of the library does not know: update the library",
                T::NAME
            ),
        ));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes fit both; a T is any zeroed T with its first fields set by C.
    unsafe {
        ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast(), known);
        Ok(value.assume_init())
    }
}

/// The size of a struct to be written to. Asked first, so that a NULL is the error whatever else is
/// wrong.
///
/// # Safety
/// `pointer` is NULL, or points to a `T` of this or of another version of the library.
pub(super) unsafe fn writable_struct<T: SizedStruct>(pointer: *const T) -> Result<usize> {
    if pointer.is_null() {
        return Err(null(T::NAME));
    }
    // SAFETY: every version starts with struct_size.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check_size(size, T::NAME)?;
    Ok(size)
}

/// Copies a struct out, as much of it as the caller's version has. Leaves its `struct_size` alone.
///
/// # Safety
/// `pointer` is NULL, or points to a writable `T` of this or of another version of the library.
pub(super) unsafe fn write_struct<T: SizedStruct>(pointer: *mut T, value: T) -> Result<()> {
    // SAFETY: this function's contract.
    let size = unsafe { writable_struct(pointer) }?;
    let start = size_of::<usize>();
    let len = size.min(size_of::<T>()) - start;
    // SAFETY: `size` bytes are writable by contract, and `len` ends within both.
    unsafe {
        let from = ptr::from_ref(&value).cast::<u8>().add(start);
        ptr::copy_nonoverlapping(from, pointer.cast::<u8>().add(start), len);
    }
    Ok(())
}

/// Zeroes a struct of the caller's version, and sets its `struct_size` to `noted_size`.
///
/// # Safety
/// `pointer` is NULL or writable for `size` bytes.
pub(super) unsafe fn init_struct(
    pointer: *mut c_void,
    size: usize,
    noted_size: usize,
) -> Result<()> {
    if pointer.is_null() {
        return Err(null("object"));
    }
    check_size(size, "object")?;
    // SAFETY: not NULL, writable by contract, and `size` has room for struct_size.
    unsafe {
        ptr::write_bytes(pointer.cast::<u8>(), 0, size);
        pointer.cast::<usize>().write_unaligned(noted_size);
    }
    Ok(())
}

/// Writes as many ids as the caller has room for, and how many there are.
///
/// # Safety
/// `list` is NULL or writable for `capacity` ids; `out_count` is NULL or writable.
pub(super) unsafe fn write_list(
    ids: impl ExactSizeIterator<Item = u64>,
    list: *mut u64,
    capacity: usize,
    out_count: *mut usize,
) -> Result<()> {
    // SAFETY: this function's contract.
    let out_count = unsafe { output(out_count, "out_count") }?;
    if list.is_null() && capacity > 0 {
        return Err(null("the list"));
    }
    out_count.write(ids.len());
    for (i, id) in ids.take(capacity).enumerate() {
        // SAFETY: not NULL, since capacity is not 0, and i is below it.
        unsafe { list.add(i).write(id) };
    }
    Ok(())
}

/// Text for C. A NUL would cut it, and other control characters would forge log lines.
pub(super) fn c_text(text: &str) -> CString {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    CString::new(clean).unwrap_or_default()
}

/// As much of a text as fits, without cutting a character, and its terminator.
pub(super) fn fill(buffer: &mut [c_char], text: &str) {
    let Some(room) = buffer.len().checked_sub(1) else {
        return;
    };
    let text = &text[..text.floor_char_boundary(room)];
    for (to, from) in buffer.iter_mut().zip(text.bytes().chain([0])) {
        *to = c_char::from_ne_bytes([from]);
    }
}

/// Writes as much of a text as there is room for, as snprintf() does. Returns the length of the whole.
///
/// # Safety
/// `buffer` is NULL, or writable for `capacity` bytes.
pub(super) unsafe fn write_text(text: &str, buffer: *mut c_char, capacity: usize) -> usize {
    if !buffer.is_null() {
        // More than the text and its terminator is never touched.
        let len = capacity.min(text.len() + 1);
        // SAFETY: not NULL, and writable for `len` bytes by this function's contract; zeroed first, so
        // that they are initialized.
        let buffer = unsafe {
            buffer.write_bytes(0, len);
            slice::from_raw_parts_mut(buffer, len)
        };
        fill(buffer, text);
    }
    text.len()
}

/// Checks at compile time what [`SizedStruct`] promises of the first field.
macro_rules! sized_struct {
    ($name:ident, $text:literal) => {
        // SAFETY: repr(C) and starts with struct_size (checked here); all its fields are numbers,
        // pointers, optional functions and arrays of numbers.
        unsafe impl $crate::ffi::convert::SizedStruct for $name {
            const NAME: &'static str = $text;
        }
        const _: () = assert!(std::mem::offset_of!($name, struct_size) == 0);
    };
}
pub(super) use sized_struct;
