#version 330 core

// The next output, from the last one towards what is wanted; calibration/guard.py, `Guard._held`, is the reference.

uniform sampler2D picture;    // what is wanted, 8-bit levels
uniform sampler2D last;       // linear light, not rounded
uniform sampler2D shown;      // the last output, 8-bit levels
uniform sampler2D mode;       // cells, top row first: seconds behind, mode
uniform sampler2D curve;
uniform sampler2D table;      // 256 x 256 steps of light: the nearest level
uniform float reach;          // of white: how far a slewed channel may go in this refresh

layout(location = 0) out vec4 light;
layout(location = 1) out vec4 levels;

vec3 rounded(vec3 linear) {
    ivec3 at = ivec3(clamp(linear * 65535.0 + 0.5, 0.0, 65535.0));
    return vec3(texelFetch(table, ivec2(at.r & 255, at.r >> 8), 0).r, texelFetch(table, ivec2(at.g & 255, at.g >> 8), 0).r,
                texelFetch(table, ivec2(at.b & 255, at.b >> 8), 0).r);
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy), size = textureSize(picture, 0), cells = textureSize(mode, 0);
    vec3 asked = texelFetch(picture, pixel, 0).rgb;
    vec3 at = asked * 255.0 + 0.5;
    vec3 wanted = vec3(texelFetch(curve, ivec2(at.r, 0), 0).r, texelFetch(curve, ivec2(at.g, 0), 0).r,
                       texelFetch(curve, ivec2(at.b, 0), 0).r);
    ivec2 here = ivec2(pixel.x, size.y - 1 - pixel.y);
    ivec2 first = here * cells / size, end = ((here + 1) * cells - 1) / size;
    float strictest = max(max(texelFetch(mode, first, 0).y, texelFetch(mode, end, 0).y),
                          max(texelFetch(mode, ivec2(first.x, end.y), 0).y, texelFetch(mode, ivec2(end.x, first.y), 0).y));
    if (strictest < 0.5) {
        light = vec4(wanted, 1.0);
        levels = vec4(asked, 1.0);
    } else {
        vec3 before = texelFetch(last, pixel, 0).rgb;
        if (strictest > 1.5) {
            light = vec4(before, 1.0);
            levels = vec4(texelFetch(shown, pixel, 0).rgb, 1.0);
        } else {
            vec3 way = wanted - before;
            float far = max(max(abs(way.r), abs(way.g)), max(abs(way.b), 1e-6));
            light = vec4(before + min(reach / far, 1.0) * way, 1.0);
            levels = vec4(rounded(light.rgb), 1.0);
        }
    }
}
