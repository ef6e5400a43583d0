#version 330 core

// For how long, net, windows have been at the limit for the long run; calibration/guard_counts.py, `Loads`.

uniform sampler2D total;      // one pixel: tiles in windows that are over: spent, warned, tired
uniform sampler2D before;     // one pixel, as below
uniform float elapsed;        // real seconds
uniform float remembered;     // seconds
uniform float most;

out vec4 long_run;            // seconds, whether any is at it now

void main() {
    vec2 known = texelFetch(before, ivec2(0), 0).xy;
    bool warned = texelFetch(total, ivec2(0), 0).y > 0.5;
    float lasted = warned || known.y > 0.5 ? min(elapsed, remembered) : -elapsed;
    long_run = vec4(clamp(known.x + lasted, 0.0, most), warned ? 1.0 : 0.0, 0.0, 0.0);
}
