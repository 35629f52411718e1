// A wall as the part of an address after "#", so that it can be bookmarked and sent to others:
//
//   layout=9&tiles=door,yard,,hall+gate+dock@20
//
// An empty item is an empty tile; cameras with "+" between them are a patrol of so many seconds each. Names
// are percent-encoded, the signs between them are not.

// The part for a layout and tiles as wall.js has them.
export function write(layout, tiles) {
  return `layout=${layout}&tiles=${tiles.map(item).join(",")}`;
}

function item(content) {
  const cameras = content?.cameras ?? (content === null ? [] : [content]);
  const names = cameras.map(encodeURIComponent).join("+");
  return content?.cameras ? `${names}@${content.seconds}` : names;
}

// {layout, tiles} of an address's hash, or null if it has no wall.
export function read(hash) {
  const fields = Object.fromEntries(hash.replace(/^#/, "").split("&").map((field) => field.split("=")));
  if (!fields.layout) {
    return null;
  }
  try {
    return { layout: fields.layout, tiles: fields.tiles ? fields.tiles.split(",").map(content) : [] };
  } catch {
    return null; // not percent-encoded as it should be
  }
}

function content(text) {
  const [names, seconds] = text.split("@");
  const cameras = names.split("+").filter(Boolean).map(decodeURIComponent);
  if (cameras.length > 1 || seconds) {
    return { cameras, seconds: Number(seconds) || 10 };
  }
  return cameras[0] ?? null;
}
