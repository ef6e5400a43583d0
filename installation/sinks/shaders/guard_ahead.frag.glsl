#version 330 core

// How many cells of a tile are wanted to run ahead of what the slew limit allows: luminance up, redness up, and down.

uniform sampler2D wanted;     // cells of light
uniform sampler2D follower;   // cells: luminance, redness, seconds behind, mode
uniform int tile;
uniform float quick;

out vec4 ahead;

const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);

void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * tile, end = min(first + tile, textureSize(wanted, 0));
    ahead = vec4(0.0);
    for (int y = first.y; y < end.y; y++) {
        for (int x = first.x; x < end.x; x++) {
            vec3 light = texelFetch(wanted, ivec2(x, y), 0).rgb;
            vec2 far = vec2(dot(light, LUMA), max(light.r - light.g - light.b, 0.0)) - texelFetch(follower, ivec2(x, y), 0).xy;
            ahead += vec4(greaterThanEqual(vec4(far, -far), vec4(quick)));
        }
    }
}
