# The scenarios again, compiled with AddressSanitizer and UndefinedBehaviorSanitizer: `ctest -L asan`.
# The library itself is as it is shipped. It allocates by malloc, so what it hands out and what it
# leaves behind is watched, too.
include(CheckCSourceCompiles)
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
list(JOIN sanitizers " " CMAKE_REQUIRED_FLAGS)
check_c_source_compiles("int main(void) { return 0; }" sanitizers_work)
unset(CMAKE_REQUIRED_FLAGS)
option(RTSP_WEBRTC_GATEWAY_SANITIZE "Test with AddressSanitizer and UndefinedBehaviorSanitizer, too"
  ${sanitizers_work})

if(RTSP_WEBRTC_GATEWAY_SANITIZE)
  get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
  list(FILTER targets INCLUDE REGEX "_shared$")
  # Unlike malloc(), AddressSanitizer's allocator does not survive a fork() while another thread is in it.
  list(FILTER targets EXCLUDE REGEX "^fork_")
  foreach(target IN LISTS targets)
    string(REGEX REPLACE "_shared$" "" scenario ${target})
    set(name ${scenario}_asan)
    get_target_property(sources ${target} SOURCES)
    add_executable(${name} ${sources})
    set_target_properties(${name} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
    target_compile_options(${name} PRIVATE -g -O1 ${sanitizers})
    target_link_options(${name} PRIVATE ${sanitizers})
    target_link_libraries(${name} PRIVATE
      test_options rtsp_webrtc_gateway::shared Threads::Threads)
    # AddressSanitizer keeps what is freed, so memory grows: too few gateways for that to count.
    set(arguments "")
    if(scenario STREQUAL "lifetime")
      set(arguments 100)
    endif()
    add_test(NAME asan_${scenario} COMMAND ${name} ${arguments})
    set_tests_properties(asan_${scenario} PROPERTIES LABELS asan
      ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1")
  endforeach()
endif()
