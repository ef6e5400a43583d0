#version 330 core

// One direction of spreading "over the limit" from windows to the tiles in them, and into one with what is there.

uniform sampler2D over;       // spent, warned, tired
uniform sampler2D others;     // of the windows before
uniform ivec2 along;
uniform int span;
uniform bool joins;

out vec4 shut;

void main() {
    ivec2 tile = ivec2(gl_FragCoord.xy);
    vec3 most = joins ? texelFetch(others, tile, 0).xyz : vec3(0.0);
    for (int at = 0; at < span; at++) {
        ivec2 begun = tile - at * along;
        if (all(greaterThanEqual(begun, ivec2(0)))) most = max(most, texelFetch(over, begun, 0).xyz);
    }
    shut = vec4(most, 1.0);
}
