#version 330 core

// What happens to each cell: 0 free, 1 slewed, 2 frozen.  calibration/guard.py, `Guard._modes`, is the reference.

uniform sampler2D wanted;     // cells of light
uniform sampler2D emitted;    // the same of the last output
uniform sampler2D follower;   // luminance, redness, seconds for which it has been behind, last mode
uniform sampler2D first_ages; // seconds since the newest four transitions of luminance
uniform sampler2D first_more; // the fifth; way, low, high
uniform sampler2D second_ages;
uniform sampler2D second_more;
uniform sampler2D shut;       // tiles: where the ceilings hold: spent, -, tired
uniform sampler2D long_run;   // one pixel: seconds
uniform sampler2D ahead;      // one pixel: cells ahead of their followers
uniform int tile;
uniform bool begins;          // the first picture is shown as it comes
uniform bool strict;
uniform float elapsed;        // real seconds
uniform float horizon;
uniform float quick;
uniform float at_once;        // in cells
uniform float settled;
uniform float faded;          // seconds
uniform float passed;         // seconds, bounded
uniform float tired_after;

out vec4 mode;                // seconds for which it has been behind, mode

const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);

vec2 followed(sampler2D cells, ivec2 cell) {
    vec3 light = texelFetch(cells, cell, 0).rgb;
    return vec2(dot(light, LUMA), max(light.r - light.g - light.b, 0.0));
}

void main() {
    if (begins) {
        mode = vec4(0.0, 0.0, 0.0, 1.0);
        return;
    }
    ivec2 cell = ivec2(gl_FragCoord.xy);
    vec4 known = texelFetch(follower, cell, 0);
    vec2 asked = followed(wanted, cell);
    vec4 newest = min(texelFetch(first_ages, cell, 0), texelFetch(second_ages, cell, 0)) + elapsed;
    float fifth = min(texelFetch(first_more, cell, 0).x, texelFetch(second_more, cell, 0).x) + elapsed;
    vec4 closed = texelFetch(shut, cell / tile, 0);
    bool tired = closed.z > 0.5 && texelFetch(long_run, ivec2(0), 0).x >= tired_after;
    bool frozen = (closed.x > 0.5 && fifth < horizon) || (tired && newest.y < horizon), behind = false;
    if (strict) {
        behind = known.z > 0.0 && known.z < faded && any(greaterThan(abs(asked - followed(emitted, cell)), vec2(settled)));
        vec2 far = asked - known.xy;
        bvec4 runs = greaterThanEqual(vec4(far, -far), vec4(quick));
        vec4 cells_ahead = texelFetch(ahead, ivec2(0), 0);
        for (int at = 0; at < 4; at++) behind = behind || (runs[at] && cells_ahead[at] >= at_once);
        frozen = frozen || (behind && newest.y < horizon);
        behind = behind || frozen;
    }
    mode = vec4(behind ? known.z + passed : 0.0, frozen ? 2.0 : behind ? 1.0 : 0.0, 0.0, 1.0);
}
