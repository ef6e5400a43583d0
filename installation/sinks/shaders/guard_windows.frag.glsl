#version 330 core

// One direction of the sums over windows; and, upright, whether each is over its limit.
// calibration/guard_counts.py, `Loads`, is the reference.  A pixel is the window that begins at this tile.

uniform sampler2D parts;      // tiles, or sums along rows: spent, warned, tired
uniform ivec2 along;          // (1, 0) or (0, 1)
uniform int span;             // tiles of the window along it
uniform bool decides;
uniform ivec2 places;         // how many windows there are
uniform float most;           // cells

out vec4 result;              // sums; or whether they are over

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy);
    result = vec4(0.0);
    if (any(greaterThanEqual(place, places))) return;
    for (int at = 0; at < span; at++) result += texelFetch(parts, place + at * along, 0);
    if (decides) result = vec4(greaterThanEqual(result, vec4(most)));
}
